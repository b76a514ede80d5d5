"""Convolution and pooling against torch.nn.functional over all kinds of geometry."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from tvm import relax

from tests.tvm_snn.reference.reference_tools import compute

DATA_LAYOUTS = {1: ["NCW", "NWC"], 2: ["NCHW", "NHWC"], 3: ["NCDHW", "NDHWC"]}
KERNEL_LAYOUTS = {1: ["OIW", "WIO"], 2: ["OIHW", "HWIO", "OHWI"], 3: ["OIDHW", "DHWIO"]}
CONV = {1: relax.op.nn.conv1d, 2: relax.op.nn.conv2d, 3: relax.op.nn.conv3d}
TORCH_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TORCH_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
TRANSPOSED = {
    1: relax.op.nn.conv1d_transpose,
    2: relax.op.nn.conv2d_transpose,
    3: relax.op.nn.conv3d_transpose,
}


def small(dims: int, low: int, high: int):
    return st.tuples(*[st.integers(low, high)] * dims)


def random_array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def to_layout(x: np.ndarray, source: str, wanted: str) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(x, [source.index(c) for c in wanted], range(x.ndim)))


def padded(x: np.ndarray, before, after) -> torch.Tensor:
    widths = [w for pair in zip(reversed(before), reversed(after), strict=True) for w in pair]
    return F.pad(torch.from_numpy(x), widths)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_convolution(data):
    dims = data.draw(st.integers(1, 3))
    groups, depth, per_group = data.draw(small(3, 1, 3))
    kernel, strides, dilation = (data.draw(small(dims, 1, 3)) for _ in range(3))
    before, after = data.draw(small(dims, 0, 2)), data.draw(small(dims, 0, 2))
    size = [
        s + d * (k - 1)
        for s, d, k in zip(data.draw(small(dims, 1, 5)), dilation, kernel, strict=True)
    ]
    layout = data.draw(st.sampled_from(DATA_LAYOUTS[dims]))
    kernel_layout = data.draw(st.sampled_from(KERNEL_LAYOUTS[dims]))
    canonical = DATA_LAYOUTS[dims][0]

    x = random_array(2, groups * depth, *size)
    w = random_array(groups * per_group, depth, *kernel, seed=1)
    expected = TORCH_CONV[dims](
        padded(x, before, after), torch.from_numpy(w), None, strides, 0, dilation, groups
    ).numpy()
    result = compute(
        lambda a, b: CONV[dims](
            a,
            b,
            strides=strides,
            padding=(*before, *after),
            dilation=dilation,
            groups=groups,
            data_layout=layout,
            kernel_layout=kernel_layout,
        ),
        to_layout(x, canonical, layout),
        to_layout(w, KERNEL_LAYOUTS[dims][0], kernel_layout),
    )
    np.testing.assert_allclose(to_layout(result, layout, canonical), expected, atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_transposed_convolution(data):
    dims = data.draw(st.integers(1, 3))
    groups, depth, per_group = data.draw(small(3, 1, 3))
    kernel, strides, dilation = (data.draw(small(dims, 1, 3)) for _ in range(3))
    padding = tuple(
        data.draw(st.integers(0, d * (k - 1))) for k, d in zip(kernel, dilation, strict=True)
    )
    extra = tuple(data.draw(st.integers(0, max(s, 1) - 1)) for s in strides)
    size = data.draw(small(dims, 2, 5))

    x = random_array(2, groups * depth, *size)
    w = random_array(groups * depth, per_group, *kernel, seed=1)
    arguments = (torch.from_numpy(x), torch.from_numpy(w), None)
    outputs = [
        (n - 1) * s + d * (k - 1) + 1 + e - 2 * p
        for n, s, d, k, e, p in zip(size, strides, dilation, kernel, extra, padding, strict=True)
    ]
    assume(min(outputs) > 0)
    expected = TORCH_TRANSPOSED[dims](*arguments, strides, padding, extra, groups, dilation)
    result = compute(
        lambda a, b: TRANSPOSED[dims](
            a,
            b,
            strides=strides,
            padding=(*padding, *padding),
            output_padding=extra,
            dilation=dilation,
            groups=groups,
        ),
        x,
        w,
    )
    np.testing.assert_allclose(result, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize("groups", [1, 2])
def test_integer_convolution_is_exact(groups):
    rng = np.random.default_rng(3)
    x = rng.integers(-128, 128, (2, 64, 9, 9)).astype(np.int8)
    w = rng.integers(-128, 128, (4, 64 // groups, 3, 3)).astype(np.int8)
    expected = F.conv2d(torch.tensor(x).double(), torch.tensor(w).double(), groups=groups)
    result = compute(lambda a, b: relax.op.nn.conv2d(a, b, groups=groups, out_dtype="int32"), x, w)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, expected.numpy())


@settings(max_examples=60, deadline=None)
@given(
    kernel=small(2, 1, 3),
    strides=small(2, 1, 3),
    dilation=small(2, 1, 2),
    size=small(2, 5, 9),
    ceil_mode=st.booleans(),
    layout=st.sampled_from(DATA_LAYOUTS[2]),
    data=st.data(),
)
def test_max_pool(kernel, strides, dilation, size, ceil_mode, layout, data):
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    x = random_array(2, 3, *size)
    expected = F.max_pool2d(torch.from_numpy(x), kernel, strides, padding, dilation, ceil_mode)
    result = compute(
        lambda a: relax.op.nn.max_pool2d(
            a, kernel, strides, (*padding, *padding), dilation, ceil_mode, layout=layout
        ),
        to_layout(x, "NCHW", layout),
    )
    np.testing.assert_array_equal(to_layout(result, layout, "NCHW"), expected.numpy())


@settings(max_examples=60, deadline=None)
@given(
    kernel=small(2, 1, 3),
    strides=small(2, 1, 3),
    size=small(2, 5, 9),
    ceil_mode=st.booleans(),
    count_include_pad=st.booleans(),
    layout=st.sampled_from(DATA_LAYOUTS[2]),
    data=st.data(),
)
def test_average_pool(kernel, strides, size, ceil_mode, count_include_pad, layout, data):
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    x = random_array(2, 3, *size)
    expected = F.avg_pool2d(
        torch.from_numpy(x), kernel, strides, padding, ceil_mode, count_include_pad
    )
    result = compute(
        lambda a: relax.op.nn.avg_pool2d(
            a,
            kernel,
            strides,
            (*padding, *padding),
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            layout=layout,
        ),
        to_layout(x, "NCHW", layout),
    )
    np.testing.assert_allclose(to_layout(result, layout, "NCHW"), expected.numpy(), atol=1e-6)


LINE_POOLS = {
    "max": (relax.op.nn.max_pool1d, F.max_pool1d),
    "average": (relax.op.nn.avg_pool1d, F.avg_pool1d),
}


@pytest.mark.parametrize("kind", LINE_POOLS)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pool_along_a_line(kind, ceil_mode):
    pool, torch_pool = LINE_POOLS[kind]
    x = random_array(2, 3, 10)
    expected = torch_pool(torch.from_numpy(x), 3, 2, 1, ceil_mode=ceil_mode)
    result = compute(lambda a: pool(a, 3, 2, 1, ceil_mode=ceil_mode, count_include_pad=True), x)
    np.testing.assert_allclose(result, expected.numpy(), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(size=small(2, 1, 9), target=small(2, 1, 9), layout=st.sampled_from(DATA_LAYOUTS[2]))
def test_adaptive_average_pool(size, target, layout):
    x = random_array(2, 3, *size)
    expected = F.adaptive_avg_pool2d(torch.from_numpy(x), target)
    result = compute(
        lambda a: relax.op.nn.adaptive_avg_pool2d(a, target, layout=layout),
        to_layout(x, "NCHW", layout),
    )
    np.testing.assert_allclose(to_layout(result, layout, "NCHW"), expected.numpy(), atol=1e-6)


def test_asymmetric_max_pool_padding_never_wins():
    x = -np.ones((1, 1, 2, 2), np.float32)
    result = compute(lambda a: relax.op.nn.max_pool2d(a, (2, 2), padding=(1, 0, 0, 1)), x)
    np.testing.assert_array_equal(result, np.full((1, 1, 2, 2), -1, np.float32))


def test_average_of_window_outside_the_input_is_zero():
    x = np.ones((1, 1, 1, 1), np.float32)
    result = compute(
        lambda a: relax.op.nn.avg_pool2d(a, (1, 1), padding=(1, 0, 0, 0), count_include_pad=False),
        x,
    )
    np.testing.assert_array_equal(result.ravel(), [0, 1])
