"""Reductions along axes, scans, sorting and searching.

Floating sums, means and variances accumulate in float64 and round once at the end, so the result
does not depend on an order of summation.
"""

from typing import Any

import numpy as np

from .table import axes_of, dtype_of, one_axis, operator

Array = np.ndarray


def accumulator(x: Array) -> np.dtype:
    """Give the dtype in which x is summed: float64 for floats, x's own for integers."""
    return np.dtype(np.float64) if x.dtype.kind == "f" else x.dtype


@operator("relax.sum")
def total(attrs: Any, x: Array) -> Array:
    """Sum along the axes; integers wrap in their own dtype."""
    result = np.sum(x, axes_of(attrs.axis), dtype=accumulator(x), keepdims=attrs.keepdims)
    return np.asarray(result, x.dtype)


@operator("relax.prod")
def product(attrs: Any, x: Array) -> Array:
    """Product along the axes."""
    result = np.prod(x, axes_of(attrs.axis), dtype=accumulator(x), keepdims=attrs.keepdims)
    return np.asarray(result, x.dtype)


@operator("relax.max")
def largest(attrs: Any, x: Array) -> Array:
    """Largest element along the axes."""
    return np.max(x, axes_of(attrs.axis), keepdims=attrs.keepdims)


@operator("relax.min")
def smallest(attrs: Any, x: Array) -> Array:
    """Smallest element along the axes."""
    return np.min(x, axes_of(attrs.axis), keepdims=attrs.keepdims)


@operator("relax.mean")
def mean(attrs: Any, x: Array) -> Array:
    """Arithmetic mean along the axes."""
    result = np.mean(x, axes_of(attrs.axis), dtype=accumulator(x), keepdims=attrs.keepdims)
    return np.asarray(result, x.dtype)


@operator("relax.variance")
def variance(attrs: Any, x: Array) -> Array:
    """`mean((x - mean(x))^2)`: divided by the number of elements, not by one less."""
    result = np.var(x, axes_of(attrs.axis), dtype=accumulator(x), keepdims=attrs.keepdims)
    return np.asarray(result, x.dtype)


@operator("relax.std")
def standard_deviation(attrs: Any, x: Array) -> Array:
    """Square root of the variance."""
    return np.sqrt(variance(attrs, x))


@operator("relax.argmax")
def argmax(attrs: Any, x: Array) -> Array:
    """Index (int64) of the largest element; the first one of equals."""
    return np.argmax(x, axis=one_axis(attrs.axis), keepdims=attrs.keepdims)


@operator("relax.argmin")
def argmin(attrs: Any, x: Array) -> Array:
    """Index (int64) of the smallest element; the first one of equals."""
    return np.argmin(x, axis=one_axis(attrs.axis), keepdims=attrs.keepdims)


@operator("relax.cumsum")
def cumulative_sum(attrs: Any, x: Array) -> Array:
    """Running sum along an axis (None: of the flattened array)."""
    return _scan(np.cumsum, 0, attrs, x)


@operator("relax.cumprod")
def cumulative_product(attrs: Any, x: Array) -> Array:
    """Running product along an axis (None: of the flattened array)."""
    return _scan(np.cumprod, 1, attrs, x)


def _scan(function: Any, start: int, attrs: Any, x: Array) -> Array:
    """Scan; an exclusive scan leaves each element itself out and begins with `start`."""
    axis = one_axis(attrs.axis)
    if axis is None:
        x, axis = x.ravel(), 0
    dtype = dtype_of(attrs.dtype, x.dtype)
    scanned = function(x.astype(dtype), axis=axis, dtype=accumulator(np.empty(0, dtype)))
    if attrs.exclusive:
        scanned = np.roll(scanned, 1, axis)
        np.moveaxis(scanned, axis, 0)[:1] = start
    return scanned.astype(dtype)


def sorted_order(x: Array, axis: int, descending: bool) -> Array:
    """Indices that sort x along the axis; equals keep their order in both directions."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    order = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.flip(x.shape[axis] - 1 - order, axis)


@operator("relax.argsort")
def argsort(attrs: Any, x: Array) -> Array:
    """Indices that sort x."""
    order = sorted_order(x, int(attrs.axis), bool(attrs.descending))
    return order.astype(dtype_of(attrs.dtype, np.int32))


@operator("relax.sort")
def sort(attrs: Any, x: Array) -> Array:
    """Elements in order along the axis."""
    order = sorted_order(x, int(attrs.axis), bool(attrs.descending))
    return np.take_along_axis(x, order, int(attrs.axis))


@operator("relax.topk")
def topk(attrs: Any, x: Array) -> Any:
    """Give the k largest (or smallest) elements along the axis, best first, and their indices."""
    axis, k = int(attrs.axis), int(attrs.k)
    k = x.shape[axis] if k < 1 else k
    order = np.take(sorted_order(x, axis, bool(attrs.largest)), range(k), axis)
    values = np.take_along_axis(x, order, axis)
    indices = order.astype(dtype_of(attrs.dtype, np.int32))
    return {"both": (values, indices), "values": values, "indices": indices}[attrs.ret_type]


@operator("relax.median")
def median(attrs: Any, x: Array) -> Any:
    """Lower median, as PyTorch's: of the whole array, or along one axis with its index."""
    axes = axes_of(attrs.axis)
    axis, source = (axes[0], x) if axes else (0, x.ravel())
    order = sorted_order(source, axis, descending=False)
    middle = np.take(order, [(source.shape[axis] - 1) // 2], axis)
    value = np.take_along_axis(source, middle, axis)
    if not axes:
        return value.reshape((1,) * x.ndim if attrs.keepdims else ())
    return (value, middle) if attrs.keepdims else (value.squeeze(axis), middle.squeeze(axis))


@operator("relax.bucketize")
def bucketize(attrs: Any, x: Array, boundaries: Array) -> Array:
    """Index of the interval between sorted boundaries that each element falls into."""
    found = np.searchsorted(boundaries, x, side="right" if attrs.right else "left")
    return found.astype(np.int32 if attrs.out_int32 else np.int64)
