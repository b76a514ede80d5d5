"""Operators that read or write elements at given places.

An index below zero counts from the end, as in PyTorch and ONNX, from where such indices come.
"""

from typing import Any

import numpy as np

from ..errors import ModelError
from .table import one_axis, operator

Array = np.ndarray

COMBINE = {"add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}


def checked(indices: Array, size: int) -> Array:
    """Return the indices when all lie in [-size, size), else say which one does not."""
    outside = (indices < -size) | (indices >= size)
    if np.any(outside):
        raise ModelError(
            f"index {int(indices[outside].flat[0])} is outside an axis of size {size}: "
            "correct the indices in the model"
        )
    return indices


@operator("relax.take")
def take(attrs: Any, x: Array, indices: Array | int) -> Array:
    """Pick slices along an axis (None: elements of the flattened array).

    Mode "clip" moves an index outside to the nearest valid one, "wrap" counts around, "nan" gives
    NaN there; "fast" expects valid indices, and an invalid one is an error here.
    """
    axis, mode = one_axis(attrs.axis), str(attrs.mode)
    where = np.asarray(indices)
    size = x.size if axis is None else x.shape[axis]
    if mode in ("clip", "wrap"):
        return np.take(x, where, axis, mode=mode)  # type: ignore[call-overload]
    if mode == "nan":
        return _take_or_nan(x, where, axis, size)
    return np.take(x, checked(where, size), axis)


def _take_or_nan(x: Array, indices: Array, axis: int | None, size: int) -> Array:
    outside = (indices < 0) | (indices >= size)
    picked = np.take(x, np.where(outside, 0, indices), axis)
    lead = 0 if axis is None else axis % x.ndim
    mask = outside.reshape((1,) * lead + outside.shape + (1,) * (picked.ndim - lead - indices.ndim))
    return np.where(mask, np.asarray(np.nan, x.dtype), picked)


@operator("relax.strided_slice")
def strided_slice(
    _attrs: Any,
    x: Array,
    axes: tuple[int, ...],
    begin: tuple[int, ...],
    end: tuple[int, ...],
    strides: tuple[int, ...] | None = None,
) -> Array:
    """Slice as Python does; a bound outside the axis is moved to its end.

    With a negative stride an end below `-size` means "to the very first element".
    """
    window = [slice(None)] * x.ndim
    for axis, first, last, step in zip(axes, begin, end, strides or (1,) * len(axes), strict=True):
        stop = None if step < 0 and last < -x.shape[axis] else last
        window[axis] = slice(first, stop, step)
    return x[tuple(window)]


@operator("relax.dynamic_strided_slice")
def dynamic_strided_slice(attrs: Any, x: Array, begin: Array, end: Array, strides: Array) -> Array:
    """Slice every axis by bounds given as tensors."""
    bounds = (tuple(int(v) for v in bound) for bound in (begin, end, strides))
    return strided_slice(attrs, x, tuple(range(x.ndim)), *bounds)


@operator("relax.gather_elements")
def gather_elements(attrs: Any, x: Array, indices: Array) -> Array:
    """`out[i, j] = x[indices[i, j], j]` for axis 0, and so on.

    The indices may be smaller than x along the other axes.
    """
    axis = int(attrs.axis) % x.ndim
    places = list(np.ogrid[tuple(slice(size) for size in indices.shape)])
    places[axis] = checked(indices, x.shape[axis])
    return x[tuple(places)]


@operator("relax.gather_nd")
def gather_nd(attrs: Any, x: Array, indices: Array) -> Array:
    """`out[b, i] = x[b, indices[b, i, 0], indices[b, i, 1], ...]`, with `batch_dims` axes b."""
    lead = int(attrs.batch_dims)
    places = list(np.ogrid[tuple(slice(size) for size in indices.shape[:-1])])[:lead]
    for i in range(indices.shape[-1]):
        places.append(checked(indices[..., i], x.shape[lead + i]))
    return x[tuple(places)]


@operator("relax.index_tensor")
def index_tensor(_attrs: Any, x: Array, indices: tuple[Array, ...]) -> Array:
    """`x[indices[0], indices[1], ...]` with the indices broadcast to one shape."""
    return x[tuple(checked(where, x.shape[i]) for i, where in enumerate(indices))]


@operator("relax.index_put")
def index_put(attrs: Any, x: Array, indices: Any, values: Array) -> Array:
    """Copy of x with `x[indices] = values`, or `+=` (repeated places add up)."""
    indices = indices if isinstance(indices, tuple) else (indices,)
    places = tuple(checked(where, x.shape[i]) for i, where in enumerate(indices))
    result = x.copy()
    if attrs.accumulate:
        np.add.at(result, places, values)
    else:
        result[places] = values
    return result


@operator("relax.scatter_elements")
def scatter_elements(attrs: Any, x: Array, indices: Array, updates: Array) -> Array:
    """Copy of x with `x[indices[i, j], j] = updates[i, j]` for axis 0, and so on."""
    axis = int(attrs.axis) % x.ndim
    places = list(np.ogrid[tuple(slice(size) for size in indices.shape)])
    places[axis] = checked(indices, x.shape[axis])
    return _scatter(x, tuple(places), updates, str(attrs.reduction))


@operator("relax.scatter_nd")
def scatter_nd(attrs: Any, x: Array, indices: Array, updates: Array) -> Array:
    """Copy of x with `x[indices[..., 0], indices[..., 1], ...] = updates`."""
    places = tuple(checked(indices[..., i], x.shape[i]) for i in range(indices.shape[-1]))
    return _scatter(x, places, updates, str(attrs.reduction))


def _scatter(x: Array, places: tuple[Array, ...], updates: Array, reduction: str) -> Array:
    result = x.copy()
    if reduction == "update":
        result[places] = updates
    elif reduction == "mean":
        counts = np.ones_like(x)
        np.add.at(result, places, updates)
        np.add.at(counts, places, np.ones_like(updates))
        result = (result / counts).astype(x.dtype)
    else:
        COMBINE[reduction].at(result, places, updates)
    return result


@operator("relax.slice_scatter")
def slice_scatter(
    attrs: Any, x: Array, source: Array, start: int, end: int, step: int = 1
) -> Array:
    """Copy of x with `x[start:end:step] = source` along an axis."""
    result = x.copy()
    np.moveaxis(result, int(attrs.axis), 0)[start:end:step] = np.moveaxis(
        source, int(attrs.axis), 0
    )
    return result


@operator("relax.one_hot")
def one_hot(attrs: Any, indices: Array, on: float, off: float) -> Array:
    """`on` at the index along a new axis of size `depth`, `off` elsewhere."""
    hot = indices[..., None] == np.arange(int(attrs.depth))
    return np.moveaxis(np.where(hot, on, off), -1, int(attrs.axis))
