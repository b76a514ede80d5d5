"""Quantization to integers and back, as ONNX's QuantizeLinear and DequantizeLinear."""

from typing import Any

import numpy as np

from .table import dtype_of, operator

Array = np.ndarray


@operator("relax.quantize")
def quantize(attrs: Any, x: Array, scale: Array, zero_point: Array) -> Array:
    """`round(x / scale) + zero_point`, half to even, saturated to the integer dtype."""
    dtype = dtype_of(attrs.out_dtype)
    step, zero = (_along(attrs, parameter, x.ndim) for parameter in (scale, zero_point))
    levels = np.rint(x / step) + zero.astype(np.float64)
    limits = np.iinfo(dtype)
    return np.clip(levels, limits.min, limits.max).astype(dtype)


@operator("relax.dequantize")
def dequantize(attrs: Any, x: Array, scale: Array, zero_point: Array) -> Array:
    """`scale * (x - zero_point)`."""
    step, zero = (_along(attrs, parameter, x.ndim) for parameter in (scale, zero_point))
    steps = x.astype(np.int32) - zero.astype(np.int32)
    return (steps.astype(np.float32) * step).astype(dtype_of(attrs.out_dtype))


def _along(attrs: Any, parameter: Array, dims: int) -> Array:
    """Shape a parameter so that it broadcasts along the axis; one value serves all elements."""
    shape = [1] * dims
    if parameter.size > 1:
        shape[int(attrs.axis)] = -1
    return parameter.reshape(shape)
