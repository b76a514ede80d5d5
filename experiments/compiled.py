"""Trained networks compiled: do they classify as PyTorch does, and how long do they take?"""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import tvm_snn
from tvm_snn.training import Data


def compile_and_compare(model: Path, data: Data, images: int, rounds: int) -> dict[str, Any]:
    """Compile an exported network for this machine and run the first `images` test images.

    The result says on how many images the classes differ from PyTorch's, on how many logits differ
    by more than rounding, on how many of those it is because of ties alone (see `_tied`), and how
    long one image takes on one thread, in microseconds. Raises VerificationError where a kernel is
    wrong.
    """
    network = tvm_snn.compile(str(model), "host", verify=True)
    network.num_threads = 1
    program = torch.export.load(model).module()
    count = min(images, len(data.test))
    batch, labels = data.test.batch(range(count), torch.Generator())
    with torch.no_grad():
        expected = np.concatenate([program(image[None]).numpy() for image in batch])
    found = np.concatenate([np.asarray(network(image[None].numpy())) for image in batch])
    close = _close(found, expected)
    explained = [
        _tied(network, program, batch[i : i + 1], expected[i : i + 1])
        for i in np.flatnonzero(~close)
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
        "differences_by_ties": sum(explained),
        "microseconds_median": 1e6 * statistics.median(seconds),
        "microseconds_minimum": 1e6 * min(seconds),
        "weight_bytes": network.artifact.weight_bytes,
    }


def _tied(
    network: tvm_snn.Network, program: torch.fx.GraphModule, image: Tensor, logits: NDArray
) -> bool:
    """Whether ties alone make the logits of an image differ from PyTorch's.

    A tie is a sign of a float that is zero but for rounding. The network's kernels are right on
    this image but for ties, and so is PyTorch: its signs differ for such floats only from those of
    the reference interpreter, which has PyTorch's logits with them. Raises VerificationError where
    one of the two is not so.
    """
    tvm_snn.verify(network, (image.numpy(),))
    recorder = _Signs(program)
    recorder.run(image)
    followed = tvm_snn.follow(network, (image.numpy(),), recorder.signs)
    return bool(_close(followed.outputs[0], logits).all())


def _close(found: NDArray, expected: NDArray) -> NDArray[np.bool_]:
    """Which rows of logits differ by no more than rounding."""
    return np.isclose(found, expected, rtol=1e-3, atol=1e-3).all(axis=1)


class _Signs(torch.fx.Interpreter):
    """Runs an exported network and keeps the signs of its activations in order."""

    def __init__(self, program: torch.fx.GraphModule) -> None:
        super().__init__(program)
        self.signs: list[NDArray] = []

    def run_node(self, n: torch.fx.Node) -> Any:
        """Compute a node."""
        result = super().run_node(n)
        if n.target is torch.ops.aten.sign.default:
            self.signs.append(result.detach().numpy())
        return result
