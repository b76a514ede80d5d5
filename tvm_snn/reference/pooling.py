"""Max and average pooling, and adaptive average pooling, in one, two and three dimensions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .convolution import halves
from .layout import reordered, spatial_letters
from .table import integers, operator
from .windows import padded, sliding_windows

Array = np.ndarray


@operator("relax.nn.max_pool1d", "relax.nn.max_pool2d", "relax.nn.max_pool3d")
def max_pool(attrs: Any, data: Array) -> Array:
    """Largest element of each window; padding never wins."""
    x, letters = _channels_first(attrs, data)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return _in_layout(attrs, _reduce_windows(attrs, x, np.maximum, lowest), letters)


@operator("relax.nn.avg_pool1d", "relax.nn.avg_pool2d", "relax.nn.avg_pool3d")
def avg_pool(attrs: Any, data: Array) -> Array:
    """Sum of each window over the number of its elements.

    With `count_include_pad` the padding that the attributes name counts as elements, but not the
    overhang that `ceil_mode` adds behind it; without, only elements of the input count.
    """
    x, letters = _channels_first(attrs, data)
    sums = _reduce_windows(attrs, _wide(x), np.add, 0)
    before, after = halves(integers(attrs.padding))
    if attrs.count_include_pad:
        counted = np.ones([n + b + a for n, b, a in zip(x.shape[2:], before, after, strict=True)])
        counts = _reduce_windows(attrs, counted, np.add, 0, pad=False)
    else:
        counts = _reduce_windows(attrs, np.ones(x.shape[2:]), np.add, 0)
    counts = np.maximum(counts, 1)
    if x.dtype.kind != "f":
        return _in_layout(attrs, np.trunc(sums / counts).astype(x.dtype), letters)
    return _in_layout(attrs, (sums / counts).astype(x.dtype), letters)


@operator(
    "relax.nn.adaptive_avg_pool1d", "relax.nn.adaptive_avg_pool2d", "relax.nn.adaptive_avg_pool3d"
)
def adaptive_avg_pool(attrs: Any, data: Array) -> Array:
    """Mean over `floor(i * in / out) ... ceil((i + 1) * in / out) - 1` for each output i."""
    x, letters = _channels_first(attrs, data)
    sizes = x.shape[2:] if attrs.output_size is None else integers(attrs.output_size)
    if len(sizes) == 1:
        sizes = tuple(sizes) * len(letters)
    result = _wide(x)
    for axis, size in enumerate(sizes, start=2):
        result = _mean_of_parts(result, axis, size)
    return _in_layout(attrs, result.astype(x.dtype), letters)


def _mean_of_parts(x: Array, axis: int, parts: int) -> Array:
    size = x.shape[axis]
    means = [
        x.take(range(i * size // parts, -(-(i + 1) * size // parts)), axis).mean(axis)
        for i in range(parts)
    ]
    return np.stack(means, axis)


def _wide(x: Array) -> Array:
    """Sums are taken in float64 and rounded once."""
    return x.astype(np.float64)


def _channels_first(attrs: Any, data: Array) -> tuple[Array, str]:
    letters = spatial_letters(attrs.layout)
    return reordered(data, attrs.layout, "NC" + letters), letters


def _in_layout(attrs: Any, x: Array, letters: str) -> Array:
    return reordered(x, "NC" + letters, attrs.out_layout or attrs.layout)


def _reduce_windows(
    attrs: Any, x: Array, combine: Callable[..., Array], fill: float, pad: bool = True
) -> Array:
    """Reduce the windows of x's last axes one kernel position after the other.

    `pad=False` says that x already holds the padding of the attributes.
    """
    kernel, strides, dilation = map(integers, (attrs.pool_size, attrs.strides, attrs.dilation))
    before, after = halves(integers(attrs.padding))
    dims = len(kernel)
    inside = x.shape[x.ndim - dims :]
    if not pad:
        inside = tuple(n - b - a for n, b, a in zip(inside, before, after, strict=True))
    geometry = zip(inside, kernel, strides, dilation, before, after, strict=True)
    positions = [_positions(bool(attrs.ceil_mode), *axis) for axis in geometry]
    # What the last window needs beyond the padding is overhang; ceil_mode makes it positive.
    reach = [
        (p - 1) * s + (k - 1) * d + 1
        for p, s, k, d in zip(positions, strides, kernel, dilation, strict=True)
    ]
    head = before if pad else (0,) * dims
    tail = [r - n - h for r, n, h in zip(reach, x.shape[x.ndim - dims :], head, strict=True)]
    windows = sliding_windows(padded(x, head, tail, fill), kernel, strides, dilation)
    places = np.ndindex(*kernel)
    result = windows[(..., *next(places))].copy()
    for place in places:
        combine(result, windows[(..., *place)], out=result)
    return result


def _positions(
    ceil_mode: bool, size: int, kernel: int, stride: int, dilation: int, before: int, after: int
) -> int:
    """Number of windows along an axis.

    With ceil_mode a window may hang over the end, unless it would begin behind the input and the
    padding before it.
    """
    span = size + before + after - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return span // stride + 1
    count = math.ceil(span / stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count
