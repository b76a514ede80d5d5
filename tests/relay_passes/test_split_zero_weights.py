"""Before and after: weights with zeros become means of two that have none."""

import numpy as np
import pytest
import torch
import tvm
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn
from tvm import relax
from tvm.ir import assert_structural_equal

import tvm_snn
from tests.building import module, named, tensor
from tvm_snn.nn import BinaryActivation
from tvm_snn.relay_passes.layers import operator_name, var_bindings
from tvm_snn.relay_passes.split_zero_weights import SplitZeroWeights, without_zeros

SCALE = np.array([2, 0.5, 1], np.float32)
SIGNS = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), (3, 4, 3, 3))
ZEROS = np.ones_like(SIGNS)
ZEROS[1, 2, 0, 1] = 0
WEIGHT = SCALE[:, None, None, None] * SIGNS * ZEROS
PARTNERS = np.array([0, 3, 2])


def halves() -> np.ndarray:
    """WEIGHT with +0.5 for its zero, and its second output again, with -0.5."""
    upper, lower = WEIGHT.copy(), WEIGHT[1:2].copy()
    upper[1, 2, 0, 1], lower[0, 2, 0, 1] = 0.5, -0.5
    return np.concatenate([upper, lower])


def mean(builder, both, axis: int):
    first = builder.emit(relax.op.strided_slice(both, [axis], [0], [3]))
    other = builder.emit(relax.op.take(both, relax.const(PARTNERS), axis, mode="clip"))
    total = builder.emit(relax.op.add(first, other))
    return builder.emit(relax.op.multiply(total, relax.const(np.float32(0.5))))


def convolution(data, weight, groups: int = 1):
    return relax.op.nn.conv2d(data, relax.const(weight), padding=1, groups=groups)


def test_a_convolution_gains_an_output_for_each_that_has_zeros() -> None:
    def before(builder, x):
        signs = builder.emit(relax.op.sign(x))
        y = named(builder, "layer.conv", convolution(signs, WEIGHT))
        return builder.emit(relax.op.nn.relu(y))

    def expected(builder, x):
        signs = builder.emit(relax.op.sign(x))
        y = named(builder, "layer.conv", convolution(signs, halves()))
        return builder.emit(relax.op.nn.relu(mean(builder, y, 1)))

    params = [tensor("x", 2, 4, 5, 5)]
    found = SplitZeroWeights()(module(params, before))
    assert_structural_equal(found, module(params, expected))
    assert "layer.conv" in {str(b.var.name) for b in var_bindings(found["main"])}


def test_a_dense_layer_does_too() -> None:
    flat = WEIGHT.reshape(3, 36), halves().reshape(4, 36)

    def before(builder, x):
        signs = builder.emit(relax.op.sign(x))
        return builder.emit(relax.op.matmul(signs, relax.const(flat[0].T.copy())))

    def expected(builder, x):
        signs = builder.emit(relax.op.sign(x))
        y = builder.emit(relax.op.matmul(signs, relax.const(flat[1].T.copy())))
        return mean(builder, y, 1)

    params = [tensor("x", 2, 36)]
    found = SplitZeroWeights()(module(params, before))
    assert_structural_equal(found, module(params, expected))


def on_signs(weight: np.ndarray, groups: int = 1) -> tvm.IRModule:
    def body(builder, x):
        return builder.emit(convolution(builder.emit(relax.op.sign(x)), weight, groups))

    return module([tensor("x", 2, 4 * groups, 5, 5)], body)


def on_floats(weight: np.ndarray) -> tvm.IRModule:
    return module([tensor("x", 2, 4, 5, 5)], lambda b, x: b.emit(convolution(x, weight)))


SMALLER = WEIGHT * np.where(np.arange(36).reshape(4, 3, 3) == 7, np.float32(0.9), 1)
SILENT = WEIGHT * np.array([1, 0, 1], np.float32)[:, None, None, None]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(on_floats(WEIGHT), id="floats, which are dense anyway"),
        pytest.param(on_signs(np.repeat(WEIGHT, 2, 0), groups=2), id="groups"),
        pytest.param(on_signs(SCALE[:, None, None, None] * SIGNS), id="no zero"),
        pytest.param(on_signs(SMALLER), id="several sizes"),
        pytest.param(on_signs(SILENT), id="nothing but zeros in an output"),
    ],
)
def test_other_layers_stay(before: tvm.IRModule) -> None:
    assert_structural_equal(SplitZeroWeights()(before), before)


@given(
    arrays.arrays(np.int8, st.tuples(*[st.integers(1, 4)] * 3), elements=st.integers(-1, 1)),
    st.integers(0, 2**32 - 1),
)
def test_means_in_pairs_are_the_weights(signs: np.ndarray, seed: int) -> None:
    scale = np.random.default_rng(seed).uniform(0.1, 2, (len(signs), 1, 1)).astype(np.float32)
    weight = scale * signs
    found = without_zeros(weight)
    if found is None:
        rows = signs.reshape(len(signs), -1)
        assert not ((rows == 0).any(axis=1) & (rows != 0).any(axis=1)).any()
        return
    halved, partners = found
    np.testing.assert_array_equal((halved[: len(weight)] + halved[partners]) / 2, weight)
    sizes = np.abs(halved).reshape(len(halved), -1)
    assert (sizes == sizes[:, :1]).all()


def test_a_network_with_a_sign_of_zero_stays_binary() -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(64, 32, 3, padding=1, bias=False), nn.Linear(32, 24, bias=False)]
    for layer in layers:
        with torch.no_grad():
            layer.weight.copy_(layer.weight.sign() / 4)
            layer.weight.view(-1)[:: layer.weight.numel() // 3] = 0
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = nn.Sequential(
        BinaryActivation(), layers[0], nn.BatchNorm2d(32), pool, BinaryActivation(), layers[1]
    ).eval()
    x = torch.randn(2, 64, 6, 6)
    compiled = tvm_snn.compile(network, example_inputs=(x,))
    assert [row.verdict for row in compiled.report().rows] == ["binary", "binary"]
    with torch.no_grad():
        np.testing.assert_allclose(compiled(x), network(x).numpy(), rtol=1e-5, atol=1e-4)
    main = tvm.ir.load_json(compiled.artifact.network)["main"]
    assert "relax.nn.conv2d" not in map(operator_name, (b.value for b in var_bindings(main)))
