"""Random networks, compiled, compute what PyTorch and onnxruntime compute.

A sign of a float that is zero but for rounding may come out either way, and then the outputs may
differ by more than rounding. Such ties are looked for in the reference interpreter, on the very
input: only a network that has one may differ.
"""

import numpy as np
import onnxruntime
import pytest
import torch
import tvm
from numpy.typing import NDArray

import tvm_snn
from tests.random_networks import random_network
from tests.tvm_snn.frontend.exports import to_onnx
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.detect_layers import DENSE
from tvm_snn.relay_passes.layers import operator_name, var_bindings

THROUGH_TORCH = range(0, 10)
THROUGH_ONNX = range(10, 19)


def check(network: tvm_snn.Network, x: torch.Tensor, expected: NDArray) -> None:
    found = network(x)
    assert found.shape == expected.shape
    # Kernel by kernel, on this input; raises where anything but a tie differs.
    verification = tvm_snn.verify(network, (x,))
    close = np.isclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    if not close.all():
        assert verification.ties or _near_zero(network, x), (
            f"no tie explains a difference of {np.abs(found - expected).max()}"
        )


def _near_zero(network: tvm_snn.Network, x: torch.Tensor) -> bool:
    """Tell whether a sign is taken of a float so small that another order of sums may flip it.

    Exact zeros do not count: they come from borders and ReLU, in whatever order one adds.
    """
    function = tvm.ir.load_json(network.artifact.network)["main"]
    values: dict = {}
    evaluate(
        function,
        [x.numpy(), *(weight.array for weight in network.artifact.weights)],
        observe=lambda var, value: values.__setitem__(var, value),
    )
    deciding = [
        values[binding.value.args[0]]
        for binding in var_bindings(function)
        if operator_name(binding.value) in ("relax.sign", "relax.greater_equal")
        and binding.value.args[0] in values
    ]
    return any(_has_tiny(value) for value in deciding)


def _has_tiny(value: NDArray) -> bool:
    size = np.abs(value)
    return bool(((size > 0) & (size < 1e-6 * size.max())).any())


@pytest.mark.parametrize("seed", THROUGH_TORCH)
def test_through_torch_export(seed):
    model, x = random_network(seed)
    with torch.no_grad():
        expected = model(x).numpy()
    check(tvm_snn.compile(model, example_inputs=(x,)), x, expected)


@pytest.mark.parametrize("seed", THROUGH_ONNX)
def test_through_onnx(seed, tmp_path):
    model, x = random_network(seed)
    path = to_onnx(model, (x,), tmp_path / "net.onnx", dynamo=seed % 4 == 0)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    check(tvm_snn.compile(path), x, expected)


def test_the_networks_have_binary_layers_of_every_kind():
    """What the tests above rest on."""
    seen = set()
    for seed in (*THROUGH_TORCH, *THROUGH_ONNX):
        model, x = random_network(seed)
        for row in tvm_snn.inspect(model, (x,)).rows:
            seen.add((row.verdict, row.activation))
            if row.verdict != DENSE:
                seen.add((row.operator, row.unit))
    wanted = {("sub-bit", "W1A1"), ("sub-bit", "W1A32"), ("binary", "W1A1"), ("dense", "")}
    wanted |= {("conv2d", 1), ("conv2d", 2), ("conv2d", 8), ("dense", 8)}
    assert wanted <= seen, wanted - seen
