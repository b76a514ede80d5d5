"""Operators that move elements around without computing: shapes, axes, joins, cuts, padding."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedOperatorError
from .table import enter_plain, integers, one_axis, operator
from .windows import padded

Array = np.ndarray

PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def reshape(x: Array, shape: Sequence[int]) -> Array:
    """Give x another shape; one dimension may be -1, and 0 copies x's own dimension."""
    kept = [x.shape[i] if size == 0 and x.size else size for i, size in enumerate(shape)]
    return x.reshape(kept)


enter_plain(
    {
        "relax.reshape": reshape,
        "relax.flatten": np.ravel,
        "relax.nn.batch_flatten": lambda x: x.reshape(x.shape[0], math.prod(x.shape[1:])),
        "relax.broadcast_to": np.broadcast_to,
        "relax.collapse_sum_to": lambda x, shape: collapse_sum(x, shape),
        "relax.collapse_sum_like": lambda x, like: collapse_sum(x, like.shape),
    }
)


def collapse_sum(x: Array, shape: Sequence[int]) -> Array:
    """Sum x down to a shape that broadcasts to x's."""
    lead = x.ndim - len(shape)
    axes = [i + lead for i, size in enumerate(shape) if size == 1 and x.shape[i + lead] != 1]
    summed = x.sum((*range(lead), *axes), dtype=np.float64 if x.dtype.kind == "f" else x.dtype)
    return summed.reshape(shape).astype(x.dtype)


@operator("relax.expand_dims")
def expand_dims(attrs: Any, x: Array) -> Array:
    """Put axes of size one at the named positions of the result."""
    return np.expand_dims(x, integers(attrs.axis))


@operator("relax.squeeze")
def squeeze(attrs: Any, x: Array) -> Array:
    """Take away axes of size one: the named ones, or all."""
    return np.squeeze(x, None if attrs.axis is None else integers(attrs.axis))


@operator("relax.permute_dims")
def permute_dims(attrs: Any, x: Array) -> Array:
    """Reorder the axes; without a list, reverse them."""
    return np.transpose(x, None if attrs.axes is None else integers(attrs.axes))


@operator("relax.concat")
def concat(attrs: Any, parts: tuple[Array, ...]) -> Array:
    """Join along an existing axis (None: of the flattened parts)."""
    return np.concatenate(parts, one_axis(attrs.axis))


@operator("relax.stack")
def stack(attrs: Any, parts: tuple[Array, ...]) -> Array:
    """Join along a new axis."""
    return np.stack(parts, one_axis(attrs.axis) or 0)


@operator("relax.split")
def split(attrs: Any, x: Array) -> tuple[Array, ...]:
    """Cut along an axis: before each index of a list, or into n parts of ceil(size / n)."""
    axis, where = int(attrs.axis), attrs.indices_or_sections
    if hasattr(where, "__len__"):
        return tuple(np.split(x, integers(where), axis))
    sections = int(getattr(where, "value", where))
    step = math.ceil(x.shape[axis] / sections)
    return tuple(np.split(x, [step * i for i in range(1, sections)], axis))


@operator("relax.repeat")
def repeat(attrs: Any, x: Array) -> Array:
    """Repeat each element in place."""
    return np.repeat(x, int(attrs.repeats), one_axis(attrs.axis))


@operator("relax.tile")
def tile(attrs: Any, x: Array) -> Array:
    """Repeat the whole array."""
    return np.tile(x, integers(attrs.repeats))


@operator("relax.flip")
def flip(attrs: Any, x: Array) -> Array:
    """Reverse one axis."""
    return np.flip(x, int(attrs.axis))


@operator("relax.nn.pad")
def pad(attrs: Any, x: Array) -> Array:
    """Pad with a constant, by mirroring (edge not repeated), by the edge, or around.

    The widths are (before, after) for each axis in turn. A negative constant width crops.
    """
    widths = np.reshape(integers(attrs.pad_width), (-1, 2))
    mode = str(attrs.pad_mode)
    if mode in PAD_MODES:
        return np.pad(x, widths, mode=PAD_MODES[mode])  # type: ignore[call-overload]
    if mode != "constant":
        known = ", ".join(["constant", *PAD_MODES])
        raise UnsupportedOperatorError(f"pad mode '{mode}' is not known; known modes: {known}")
    before, after = widths.T.tolist()
    return padded(x, before, after, float(attrs.pad_value))


@operator("relax.nn.pixel_shuffle")
def pixel_shuffle(attrs: Any, x: Array) -> Array:
    """Turn channels into pixels: (..., C r^2, H, W) -> (..., C, H r, W r)."""
    r = int(attrs.upscale_factor)
    *lead, channels, height, width = x.shape
    blocks = x.reshape(*lead, channels // r**2, r, r, height, width)
    n = len(lead)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return blocks.transpose(order).reshape(*lead, channels // r**2, height * r, width * r)
