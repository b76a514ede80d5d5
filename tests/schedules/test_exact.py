"""Every strategy gives what the operators' references give, bit for bit for signs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax

from tests.schedules.cases import conv_cases, dense_cases
from tests.schedules.kernels import Case, random_data, random_signs, run_all
from tvm_snn.schedules import candidates
from tvm_snn.target import features_of, parse_target

TARGETS = ["host", "llvm -mcpu=haswell", "llvm -mcpu=x86-64"]
CASES = st.one_of(
    conv_cases(subset=True),
    conv_cases(subset=True),
    conv_cases(subset=False),
    dense_cases(subset=True),
    dense_cases(subset=False),
)


def check(case: Case, target_text: str) -> None:
    """Build and run the case with every strategy that can compute it."""
    target = parse_target(target_text)
    call = case.call(*case.parameters())
    able = candidates(call, features_of(target))
    assert able
    expected = case.expected()
    cases = [replace(case, attrs={**case.attrs, "strategy": each.name}) for each in able]
    for strategy, result in zip(able, run_all(cases, target), strict=True):
        assert result.shape == expected.shape
        assert result.dtype == expected.dtype
        if result.dtype == np.int32:
            np.testing.assert_array_equal(result, expected, err_msg=strategy.name)
        else:
            np.testing.assert_allclose(result, expected, 1e-5, 1e-4, err_msg=strategy.name)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=12)
@given(case=CASES)
def test_strategies_agree_with_the_reference(target: str, case: Case) -> None:
    check(case, target)


@pytest.mark.parametrize(
    ("units", "unit"),
    # Sums of 8 bits hold 14 units of one channel (int8) or 51 (bytes), 25 of two, 1 of 14.
    [(14, 1), (15, 1), (65, 1), (64, 2), (15, 3), (15, 5), (5, 14), (65, 14)],
)
def test_long_sums_do_not_overflow(units: int, unit: int) -> None:
    """All data and weights +1: every partial sum is as large as it can be."""
    data = np.ones((1, units * unit, 4, 4), np.int8)
    subset = np.ones((2, unit, 3, 3), np.int8)
    indices = np.ones((3, units), np.uint8)
    attrs = {
        "strides": [1, 1],
        "padding": [1, 1, 1, 1],
        "dilation": [1, 1],
        "groups": 1,
        "data_layout": "NCHW",
    }
    check(Case("snn.subset_conv2d", (data, subset, indices), attrs), "host")


@st.composite
def lookups(draw: st.DrawFn) -> list[Case]:
    """Units of several channels or joined units; more chunks, tiles and vectors than one.

    The same layer with data that have no zero, one, a channel of them, and many.
    """
    kernels, unit = draw(st.sampled_from([(64, 2), (32, 2), (8, 1), (4, 1), (3, 1), (32, 1)]))
    units = draw(st.sampled_from([4, 30, 31, 60]))
    outputs, groups = draw(st.sampled_from([(130, 1), (256, 1), (64, 2), (5, 3)]))
    kernel = draw(st.sampled_from([(3, 3), (3, 3), (1, 1), (5, 5), (2, 7)]))
    size, stride, padding = draw(st.sampled_from([(7, 1, 3), (9, 2, 1), (5, 1, 0)]))
    layout = draw(st.sampled_from(["NCHW", "NHWC"]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    data = random_data(generator, (2, groups * units * unit, size, size), "int8", zeros=0)
    one, channel, many = data.copy(), data.copy(), data.copy()
    one[1, -1, size // 2, size // 2] = 0
    channel[0, 0] = 0
    many *= generator.integers(0, 2, data.shape, dtype=np.int8)
    subset = random_signs(generator, (kernels, unit, *kernel))
    indices = generator.integers(0, kernels, (outputs * groups, units)).astype(np.uint8)
    attrs = {
        "strides": [stride, stride],
        "padding": [padding, 1, 2, 1],
        "dilation": [1, 1],
        "groups": groups,
        "data_layout": layout,
        "strategy": "subset_lookup",
    }
    images = [data, one, channel, many]
    if layout == "NHWC":
        images = [np.ascontiguousarray(image.transpose(0, 2, 3, 1)) for image in images]
    return [Case("snn.subset_conv2d", (image, subset, indices), attrs) for image in images]


@pytest.mark.slow
@pytest.mark.skipif(
    not features_of(parse_target("host")).byte_permute, reason="needs AVX-512 VBMI to run"
)
@settings(max_examples=10)
@given(cases=lookups())
def test_lookups_are_exact_with_and_without_zeros(cases: list[Case]) -> None:
    for case, result in zip(cases, run_all(cases, parse_target("host")), strict=True):
        np.testing.assert_array_equal(result, case.expected())


@pytest.mark.parametrize(("top", "units"), [(1, 15), (3, 65), (15, 300), (255, 40)])
@pytest.mark.parametrize("target", ["host", "llvm -mcpu=haswell"])
def test_long_sums_of_levels_do_not_overflow(target: str, top: int, units: int) -> None:
    """Only the largest level, and weights of one sign: sums as large, and as small, as can be."""
    data = np.full((1, 3, 4, units), top, np.uint8)
    subset = np.stack([np.ones((1, 3, 3), np.int8), -np.ones((1, 3, 3), np.int8)])
    indices = np.repeat(np.arange(2, dtype=np.uint8), units).reshape(2, units)
    attrs = {
        "strides": [1, 1],
        "padding": [1, 1, 1, 1],
        "dilation": [1, 1],
        "groups": 1,
        "data_layout": "NHWC",
        "top_level": top,
    }
    check(Case("snn.subset_conv2d", (data, subset, indices), attrs), target)


def test_sums_beyond_16_bits_are_exact() -> None:
    data = np.ones((1, 700, 7, 7), np.int8)
    weight = np.ones((2, 700, 7, 7), np.int8)
    attrs = {
        "strides": [1, 1],
        "padding": [0, 0, 0, 0],
        "dilation": [1, 1],
        "groups": 1,
        "data_layout": "NCHW",
    }
    subset, indices = np.ones((1, 1, 7, 7), np.int8), np.zeros((2, 700), np.uint8)
    check(Case("snn.binary_conv2d", (data, weight), attrs), "host")
    check(Case("snn.subset_conv2d", (data, subset, indices), attrs), "host")


@pytest.mark.slow
@settings(max_examples=10)
@given(case=conv_cases(subset=True))
def test_epilogues_fuse_and_keep_the_result(case: Case) -> None:
    """Scale, bias, residual add, PReLU; then the float result and its sign as int8."""
    generator = np.random.default_rng(7)
    expected = case.expected().astype(np.float32)
    shape = [1] * 4
    axis = case.attrs["data_layout"].index("C")
    shape[axis] = expected.shape[axis]
    scale, bias, slope = (generator.choice([-1.5, 0.25, 2.0], shape) for _ in range(3))
    residual = generator.integers(-3, 4, expected.shape)
    scale, bias, slope, residual = (a.astype(np.float32) for a in (scale, bias, slope, residual))

    def epilogue(builder: relax.BlockBuilder, result: relax.Expr) -> relax.Expr:
        op = relax.op
        x = builder.emit(op.astype(result, "float32"))
        x = builder.emit(
            op.add(builder.emit(op.multiply(x, relax.const(scale))), relax.const(bias))
        )
        x = builder.emit(op.add(x, relax.const(residual)))
        leaky = builder.emit(op.multiply(x, relax.const(slope)))
        x = builder.emit(op.where(op.greater(x, relax.const(np.float32(0))), x, leaky))
        return relax.Tuple([x, builder.emit(op.astype(builder.emit(op.sign(x)), "int8"))])

    x = expected * scale + bias + residual
    x = np.where(x > 0, x, x * slope)
    target = parse_target("host")
    able = candidates(case.call(*case.parameters()), features_of(target))
    cases = [replace(case, attrs={**case.attrs, "strategy": each.name}) for each in able]
    for result, signs in run_all(cases, target, epilogue):
        if case.operands[0].dtype == np.int8:
            np.testing.assert_array_equal(result, x)
            np.testing.assert_array_equal(signs, np.sign(x).astype(np.int8))
        else:
            np.testing.assert_allclose(result, x, 1e-5, 1e-3)
            certain = np.abs(x) > 1e-3
            np.testing.assert_array_equal(signs[certain], np.sign(x[certain]).astype(np.int8))


def test_no_data_is_read_where_the_image_ends() -> None:
    """A kernel far larger than the image: nearly everything is padding."""
    generator = np.random.default_rng(3)
    data = random_data(generator, (2, 5, 1, 2), "int8")
    weight = random_signs(generator, (4, 5, 3, 3))
    attrs = {
        "strides": [2, 2],
        "padding": [6, 5, 4, 7],
        "dilation": [3, 2],
        "groups": 1,
        "data_layout": "NCHW",
    }
    check(Case("snn.binary_conv2d", (data, weight), attrs), "host")
