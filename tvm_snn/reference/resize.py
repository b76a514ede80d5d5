"""Image resizing: nearest, linear and cubic, in two and three dimensions.

All methods are separable, so each spatial axis is resized by itself: every output place gets a few
source places and their weights. The coordinate formulas are those of ONNX's Resize, with TVM's
reading of them; coordinates are float32, because ties are decided by their rounding.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UnsupportedOperatorError
from .layout import reordered, spatial_letters
from .table import dtype_of, operator

Array = np.ndarray
F = np.float32

FLOOR_GUARD = F(1e-5)
"""TVM moves a coordinate by this much before it floors or ceils, against rounding errors."""

ROUND: dict[str, Callable[[Array], Array]] = {
    "round": np.rint,
    "round_prefer_floor": lambda c: np.ceil(c - F(0.5)),
    "round_prefer_ceil": lambda c: np.floor(c + F(0.5)),
    "floor": lambda c: np.floor(c + FLOOR_GUARD),
    "ceil": lambda c: np.ceil(c - FLOOR_GUARD),
}


@operator("relax.image.resize2d", "relax.image.resize3d")
def resize(attrs: Any, data: Array, size: tuple[int, ...]) -> Array:
    """Resize the spatial axes to `size`.

    Region of interest and extrapolation matter for the coordinate mode `tf_crop_and_resize` only.
    """
    letters = spatial_letters(attrs.layout)
    x = reordered(data, attrs.layout, "NC" + letters)
    roi = [float(getattr(end, "value", end)) for end in attrs.roi]
    if len(letters) == 3:
        roi = [roi[i] for i in (2, 1, 0, 5, 4, 3)]
    result = x.astype(F, copy=False)
    outside = np.zeros((1,) * x.ndim, bool)
    for axis, target in enumerate(size, start=2):
        start, end = roi[axis - 2], roi[axis - 2 + len(letters)]
        where = coordinates(_mode(attrs), x.shape[axis], target, start, end)
        result = _resize_axis(attrs, result, axis, where)
        beyond = (where < 0) | (where > x.shape[axis] - 1)
        outside = outside | beyond.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    if _mode(attrs) == "tf_crop_and_resize":
        result = np.where(outside, F(attrs.extrapolation_value), result)
    result = result.astype(dtype_of(attrs.out_dtype, data.dtype))
    return reordered(result, "NC" + letters, attrs.layout)


def _mode(attrs: Any) -> str:
    return str(attrs.coordinate_transformation_mode)


def coordinates(mode: str, source: int, target: int, start: float = 0, end: float = 0) -> Array:
    """Place in the source axis (float32) that each place of the target axis looks at."""
    place = np.arange(target, dtype=F)
    scale = F(source) / F(target)
    last = F(source - 1)
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and target > 1):
        return (place + F(0.5)) * scale - F(0.5)
    if mode == "pytorch_half_pixel":
        return np.zeros(1, F)
    if mode == "align_corners":
        return last / F(target - 1) * place if target > 1 else np.zeros(1, F)
    if mode == "asymmetric":
        return scale * place
    if mode == "tf_half_pixel_for_nn":
        return (place + F(0.5)) * scale
    if mode == "tf_crop_and_resize":
        if target == 1:
            return np.full(1, F(0.5) * F(start + end) * last)
        return F(start) * last + place * F(end - start) * last / F(target - 1)
    raise UnsupportedOperatorError(f"coordinate transformation mode '{mode}' is not known")


def _resize_axis(attrs: Any, x: Array, axis: int, where: Array) -> Array:
    """Weighted sum of the source places along one axis."""
    places, weights = _taps(attrs, where, x.shape[axis])
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    clipped = np.clip(places, 0, x.shape[axis] - 1)
    if len(weights) == 1:
        return x.take(clipped[0], axis)
    return sum(
        x.take(place, axis) * weight.astype(F).reshape(shape)
        for place, weight in zip(clipped, weights, strict=True)
    )


def _taps(attrs: Any, where: Array, size: int) -> tuple[Array, Array]:
    """Source places and weights, both (taps, target)."""
    method = str(attrs.method)
    if method == "nearest_neighbor":
        rounding = str(attrs.rounding_method)
        if not rounding:
            rounding = "round" if _mode(attrs) == "align_corners" else "floor"
        if rounding not in ROUND:
            raise UnsupportedOperatorError(f"rounding method '{rounding}' is not known")
        return ROUND[rounding](where)[None].astype(np.int64), np.ones((1, where.size), F)
    base = np.floor(where)
    part = where - base
    if method == "linear":
        return _neighbours(base, (0, 1)), np.stack([1 - part, part])
    if method == "cubic":
        places = _neighbours(base, (-1, 0, 1, 2))
        weights = cubic_weights(part, F(attrs.cubic_alpha))
        if attrs.cubic_exclude:
            weights = np.where((places < 0) | (places >= size), F(0), weights)
            weights = weights / weights.sum(0)
        return places, weights
    raise UnsupportedOperatorError(f"resize method '{method}' is not known")


def _neighbours(base: Array, offsets: tuple[int, ...]) -> Array:
    return base.astype(np.int64) + np.array(offsets)[:, None]


def cubic_weights(t: Array, alpha: np.float32) -> Array:
    """Give the weights of the four neighbours by Keys' cubic convolution (IEEE TASSP 1981)."""
    t2, t3 = t * t, t * t * t
    return np.stack(
        [
            alpha * (t3 - 2 * t2 + t),
            (alpha + 2) * t3 - (alpha + 3) * t2 + 1,
            -(alpha + 2) * t3 + (2 * alpha + 3) * t2 - alpha * t,
            -alpha * t3 + alpha * t2,
        ]
    )
