"""Kernels that pack the signs of their own result, and those that may not."""

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax

from tests.building import module, named, tensor
from tvm_snn.ops import ConvGeometry, binary_conv2d, pack_signs, subset_conv2d
from tvm_snn.ops.packed_signs import pack
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.lift_weights import lift_weights
from tvm_snn.relay_passes.lower import TRANSFORM_WEIGHTS, lower
from tvm_snn.target import parse_target

_GEOMETRY = ConvGeometry(padding=(1, 1, 1, 1), data_layout="NHWC").attrs()
_CHANNELS = np.linspace(-3, 4, 70).astype(np.float32)


def _epilogue(builder, x):
    weight = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (70, 16, 3, 3))
    call = binary_conv2d(x, relax.const(weight), **_GEOMETRY, strategy="")
    sums = builder.emit(relax.op.astype(builder.emit(call), "float32"))
    return builder.emit(relax.op.multiply(sums, relax.const(_CHANNELS)))


def _run(mod: tvm.IRModule, x: np.ndarray, target: str = "host") -> tuple[int, list[np.ndarray]]:
    """The number of kernels, and the results."""
    lifted = lift_weights(mod)
    lowered = lower(lifted.module, parse_target(target))
    machine = relax.VirtualMachine(lowered.executable, tvm.cpu())
    weights = [tvm.runtime.tensor(weight.array) for weight in lifted.weights]
    result = machine["main"](tvm.runtime.tensor(x), *machine[TRANSFORM_WEIGHTS](weights))
    tensors = [result] if hasattr(result, "numpy") else list(result)
    return len(lowered.kernels), [t.numpy() for t in tensors]


def _signs() -> np.ndarray:
    return np.random.default_rng(1).integers(-1, 2, (2, 9, 7, 16)).astype(np.int8)


def _module(body) -> tvm.IRModule:
    return module([tensor("x", 2, 9, 7, 16, dtype="int8")], body)


def test_a_result_that_is_only_packed_stays_in_its_kernel() -> None:
    def body(builder, x):
        scaled = _epilogue(builder, x)
        shifted = builder.emit(relax.op.add(scaled, relax.const(np.float32(0.5))))
        return named(builder, "words", pack_signs(shifted, groups=1))

    mod = _module(body)
    kernels, (words,) = _run(mod, _signs())
    assert kernels == 1
    np.testing.assert_array_equal(words, evaluate(mod["main"], [_signs()]))


def test_a_result_with_another_reader_leaves_its_kernel_beside_the_words() -> None:
    def body(builder, x):
        scaled = _epilogue(builder, x)
        words = builder.emit(pack_signs(scaled, groups=1))
        return builder.emit(relax.Tuple([scaled, words]))

    mod = _module(body)
    kernels, results = _run(mod, _signs())
    assert kernels == 1
    for found, expected in zip(results, evaluate(mod["main"], [_signs()]), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_result_is_packed_in_two_ways() -> None:
    def body(builder, x):
        scaled = _epilogue(builder, x)
        words = builder.emit(pack_signs(scaled, groups=1))
        shifted = builder.emit(relax.op.subtract(scaled, relax.const(np.float32(1.5))))
        others = builder.emit(pack_signs(shifted, groups=2))
        return builder.emit(relax.Tuple([others, scaled, words]))

    mod = _module(body)
    kernels, results = _run(mod, _signs())
    assert kernels == 1
    for found, expected in zip(results, evaluate(mod["main"], [_signs()]), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_is_computed_later_is_packed_apart() -> None:
    def body(builder, x):
        scaled = _epilogue(builder, x)
        mean = builder.emit(relax.op.mean(scaled, [1, 2], keepdims=True))
        words = builder.emit(pack_signs(builder.emit(relax.op.subtract(scaled, mean)), groups=1))
        return builder.emit(relax.Tuple([scaled, words]))

    mod = _module(body)
    kernels, results = _run(mod, _signs())
    assert kernels > 1
    np.testing.assert_array_equal(results[0], evaluate(mod["main"], [_signs()])[0])


@pytest.mark.parametrize("target", ["host", "llvm -mcpu=haswell", "llvm -mcpu=nehalem"])
def test_a_few_pixels_are_looked_up_and_packed_at_a_time(target: str) -> None:
    """Tiles that overlap store the same floats, and the same words, twice."""
    generator = np.random.default_rng(2)
    subset = generator.choice(np.array([-1, 1], np.int8), (32, 1, 3, 3))
    indices = generator.integers(0, 32, (64, 64)).astype(np.uint8)
    scale = np.linspace(-3, 4, 64).astype(np.float32)

    def body(builder, x):
        call = subset_conv2d(
            x,
            relax.const(subset),
            relax.const(indices),
            **_GEOMETRY,
            strategy="subset_lookup",
        )
        sums = builder.emit(relax.op.astype(builder.emit(call), "float32"))
        scaled = builder.emit(relax.op.multiply(sums, relax.const(scale)))
        words = builder.emit(pack_signs(scaled, groups=1))
        return builder.emit(relax.Tuple([scaled, words]))

    mod = module([tensor("x", 2, 5, 19, 64, dtype="int8")], body)
    x = generator.choice(np.array([-1, 0, 1], np.int8), (2, 5, 19, 64), p=[0.495, 0.01, 0.495])
    kernels, results = _run(mod, x, target)
    assert kernels == 1
    for found, expected in zip(results, evaluate(mod["main"], [x]), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@settings(max_examples=12)
@given(
    st.sampled_from(["nn.conv2d", "snn.binary_conv2d", "nn.max_pool2d"]),
    st.tuples(st.integers(5, 20), st.integers(5, 30)),
    st.sampled_from([16, 24, 64, 70, 130]),
    st.integers(1, 2),
    st.sampled_from(["host", "llvm -mcpu=haswell", "llvm -mcpu=x86-64"]),
)
def test_words_are_the_signs_of_the_floats_beside_them(
    operator: str, size: tuple[int, int], channels: int, stride: int, target: str
) -> None:
    generator = np.random.default_rng(0)
    dtype = "int8" if operator == "snn.binary_conv2d" else "float32"
    # Small integers, so that zeros are among the sums.
    weight = generator.choice(np.array([-1, 1], dtype), (channels, channels, 3, 3))
    attrs = {"strides": [stride] * 2, "padding": [1] * 4, "dilation": [1, 1], "groups": 1}

    def result(x):
        if operator == "snn.binary_conv2d":
            layout = {"data_layout": "NHWC", "strategy": ""}
            return binary_conv2d(x, relax.const(weight), **attrs, **layout)
        if operator == "nn.conv2d":
            return relax.op.nn.conv2d(x, relax.const(weight), data_layout="NHWC", **attrs)
        return relax.op.nn.max_pool2d(x, [3, 3], [stride] * 2, [1] * 4, layout="NHWC")

    def body(builder, x):
        floats = builder.emit(relax.op.astype(builder.emit(result(x)), "float32"))
        words = builder.emit(pack_signs(floats, groups=1))
        return builder.emit(relax.Tuple([floats, words]))

    shape = (2, *size, channels)
    mod = module([tensor("x", *shape, dtype=dtype)], body)
    x = generator.integers(-1, 2, shape).astype(dtype)
    kernels, (floats, words) = _run(mod, x, target)
    assert kernels == 1
    np.testing.assert_allclose(floats, evaluate(mod["main"], [x])[0], rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(words, pack(floats))
