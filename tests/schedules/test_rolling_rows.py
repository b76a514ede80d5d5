"""Convolutions that pool their own rows: bit for bit what the two kernels give one by one."""

from unittest.mock import patch

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tvm import relax
from tvm.relax import op

from tests.building import module, tensor
from tvm_snn.ops import pack_signs
from tvm_snn.relay_passes import fuse_pooling
from tvm_snn.relay_passes.lift_weights import lift_weights
from tvm_snn.relay_passes.lower import TRANSFORM_WEIGHTS, lower, lower_to_kernels
from tvm_snn.target import parse_target
from tvm_snn.threads import usable_cores, use_threads

AVX512, AVX2 = "llvm -mcpu=skylake-avx512", "llvm -mcpu=haswell"


def _rolling(*, wanted: bool):
    """Let images of any size be rolled, or none."""
    return patch.object(fuse_pooling, "_WORTH_ROLLING", 0 if wanted else 1 << 62)


def _run(mod: tvm.IRModule, x: NDArray, target: str, threads: int = 1) -> tuple[int, list[NDArray]]:
    """The number of kernels, and the results."""
    lifted = lift_weights(mod)
    lowered = lower(lifted.module, parse_target(target))
    machine = relax.VirtualMachine(lowered.executable, tvm.cpu())
    weights = [tvm.runtime.tensor(weight.array) for weight in lifted.weights]
    use_threads(threads, insist=False)
    try:
        result = machine["main"](tvm.runtime.tensor(x), *machine[TRANSFORM_WEIGHTS](weights))
    finally:
        use_threads(usable_cores(), insist=False)
    tensors = [result] if hasattr(result, "numpy") else list(result)
    return len(lowered.kernels), [each.numpy() for each in tensors]


def _check(mod: tvm.IRModule, x: NDArray, target: str, threads: int = 1) -> None:
    with _rolling(wanted=False):
        apart, expected = _run(mod, x, target, threads)
    with _rolling(wanted=True):
        together, found = _run(mod, x, target, threads)
    assert together == apart - 1
    for one, other in zip(found, expected, strict=True):
        assert one.tobytes() == other.tobytes()


def _stem(shape: tuple[int, ...], outputs: int, conv: dict, pool: dict, name: str = "max_pool2d"):
    """A convolution, what follows it, a pooling, what follows that, and its signs."""
    generator = np.random.default_rng(0)
    kernel, groups = conv.pop("kernel"), conv.get("groups", 1)
    weight = generator.standard_normal((outputs, shape[3] // groups, *kernel), np.float32)
    scale, shift = (generator.standard_normal(outputs, np.float32) for _ in range(2))

    def body(builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
        sums = builder.emit(op.nn.conv2d(x, relax.const(weight), data_layout="NHWC", **conv))
        scaled = builder.emit(op.multiply(sums, relax.const(scale)))
        image = builder.emit(op.add(scaled, relax.const(shift)))
        pooled = builder.emit(getattr(op.nn, name)(image, layout="NHWC", **pool))
        moved = builder.emit(op.add(pooled, relax.const(shift)))
        return relax.Tuple([moved, builder.emit(pack_signs(moved, groups=1))])

    return module([tensor("x", *shape)], body)


@st.composite
def stems(draw: st.DrawFn) -> tuple[tuple[int, ...], tvm.IRModule]:
    """Shapes of images, and networks for them."""
    integer = st.integers
    # By minimal filtering (3 taps or more in a row), directly, or channel by channel.
    groups = draw(st.sampled_from([1, 1, 8]))
    channels = 8 if groups == 8 else draw(st.sampled_from([1, 3, 16]))
    outputs = 8 if groups == 8 else draw(st.sampled_from([8, 20, 64]))
    stride = draw(integer(1, 2))
    conv = {
        "kernel": (draw(integer(1, 5)), draw(integer(1, 7))),
        "strides": (draw(integer(1, 2)), stride),
        "padding": tuple(draw(integer(0, 3)) for _ in range(4)),
        "groups": groups,
    }
    pool = {
        "pool_size": (draw(integer(1, 4)), draw(integer(1, 3))),
        "strides": (draw(integer(1, 5)), draw(integer(1, 3))),
        "dilation": (draw(integer(1, 2)), 1),
        "padding": tuple(draw(integer(0, 1)) for _ in range(4)),
        "ceil_mode": draw(st.booleans()),
    }
    name = draw(st.sampled_from(["max_pool2d", "max_pool2d", "avg_pool2d"]))
    shape = (draw(integer(1, 3)), draw(integer(20, 33)), draw(integer(16, 40)), channels)
    return shape, _stem(shape, outputs, conv, pool, name)


@pytest.mark.slow
@settings(max_examples=5)
@given(stems(), st.sampled_from(["host", AVX2, "llvm -mcpu=x86-64"]), st.integers(1, 3))
def test_every_geometry(
    case: tuple[tuple[int, ...], tvm.IRModule], target: str, threads: int
) -> None:
    shape, mod = case
    x = np.random.default_rng(1).standard_normal(shape, np.float32)
    # Neither pooling nor what is between changes what a value that is no number does.
    x[0, 3, 5, 0], x[-1, 11, 7, -1] = np.nan, np.inf
    _check(mod, x, target, threads)


RESNET = {"kernel": (7, 7), "strides": (2, 2), "padding": (3, 3, 3, 3)}
POOL = {"pool_size": (3, 3), "strides": (2, 2), "padding": (1, 1, 1, 1)}


def test_the_stem_of_resnet() -> None:
    shape = (2, 60, 44, 3)
    x = np.random.default_rng(1).standard_normal(shape, np.float32)
    _check(_stem(shape, 64, dict(RESNET), POOL), x, "host", threads=2)


def _kernels(mod: tvm.IRModule, target: str) -> str:
    with _rolling(wanted=True):
        return lower_to_kernels(lift_weights(mod).module, parse_target(target)).script()


@pytest.mark.parametrize("kernel", [(7, 7), (1, 1)])
def test_only_a_ring_of_rows_is_kept(kernel: tuple[int, int]) -> None:
    conv = {**RESNET, "kernel": kernel, "padding": (0, 0, 0, 0), "strides": (1, 1)}
    text = _kernels(_stem((1, 66, 66, 16), 64, conv, POOL), AVX512)
    width = 67 - kernel[1]
    assert f"T.int64({width}), T.int64({width}), T.int64(64)" not in text
    assert "rolling_rows" in text


def test_what_is_read_beside_the_windows_stays_whole() -> None:
    """Each sum needs a place of the image that the window there does not reach."""

    def body(builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
        weight = np.random.default_rng(0).standard_normal((16, 16, 3, 3), np.float32)
        image = builder.emit(op.nn.conv2d(x, relax.const(weight), padding=1, data_layout="NHWC"))
        pooled = builder.emit(op.nn.max_pool2d(image, (2, 2), (1, 1), (0, 1, 1, 0), layout="NHWC"))
        return op.add(pooled, image)

    mod = module([tensor("x", 1, 24, 24, 16)], body)
    assert "rolling_rows" not in _kernels(mod, AVX2)
    x = np.random.default_rng(1).standard_normal((1, 24, 24, 16), np.float32)
    with _rolling(wanted=True):
        _, (found,) = _run(mod, x, AVX2)
    with _rolling(wanted=False):
        _, (expected,) = _run(mod, x, AVX2)
    assert found.tobytes() == expected.tobytes()
