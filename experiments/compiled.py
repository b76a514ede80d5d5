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
    by more than rounding, on how many of those the network is verified kernel by kernel and has a
    sign of a float that is zero, exactly or but for rounding (a tie, which PyTorch may decide
    otherwise), and how long one image takes on one thread, in microseconds. Raises
    VerificationError where a kernel is wrong.
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
    verified = [
        tvm_snn.verify(network, (batch[i : i + 1].numpy(),)) for i in np.flatnonzero(~close)
    ]
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
        "differences_with_ties": sum(bool(v.ties or v.close_calls or v.zeros) for v in verified),
        "microseconds_median": 1e6 * statistics.median(seconds),
        "microseconds_minimum": 1e6 * min(seconds),
        "weight_bytes": network.artifact.weight_bytes,
    }
