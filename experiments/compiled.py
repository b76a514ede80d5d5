"""Trained networks compiled: do they classify as PyTorch does, and how long do they take?"""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tvm_snn
from tvm_snn.training import Data


def compile_and_compare(model: Path, data: Data, images: int, rounds: int) -> dict[str, Any]:
    """Compile an exported network for this machine and run the first `images` test images.

    The result says on how many images the classes differ from PyTorch's, on how many logits differ
    by more than rounding (a sign whose float is nearly zero turned), and how long one image takes
    on one thread, in microseconds.
    """
    network = tvm_snn.compile(str(model), "host", verify=True)
    network.num_threads = 1
    program = torch.export.load(model).module()
    count = min(images, len(data.test))
    batch, labels = data.test.batch(range(count), torch.Generator())
    with torch.no_grad():
        expected = np.concatenate([program(image[None]).numpy() for image in batch])
    found = np.concatenate([np.asarray(network(image[None].numpy())) for image in batch])
    close = np.isclose(found, expected, rtol=1e-3, atol=1e-3).all(axis=1)
    one = batch[:1].numpy()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        network(one)
        seconds.append(time.perf_counter() - start)
    right = labels.numpy()
    return {
        "images": count,
        "accuracy": float((found.argmax(1) == right).mean()),
        "accuracy_torch": float((expected.argmax(1) == right).mean()),
        "classes_differ": int((found.argmax(1) != expected.argmax(1)).sum()),
        "logits_differ": int((~close).sum()),
        "microseconds_median": 1e6 * statistics.median(seconds),
        "microseconds_minimum": 1e6 * min(seconds),
        "weight_bytes": network.artifact.weight_bytes,
    }
