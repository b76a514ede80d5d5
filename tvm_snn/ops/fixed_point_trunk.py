"""`snn.fixed_point_trunk`: what follows a layer in a residual network, in 16-bit fixed point.

    value = (sum * scale + bias) >> shift      halves upwards
    value = value + residual                   where there is one
    value = value * slope >> 14                halves upwards, where it is negative
    result = min(max(value, low), high)

What is in between has 32 bits and saturates. This is what the ALU of an accelerator computes
(target/vta/simulator/epilogue.py); a step of the result is 2^-f for an f that is the network's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm import relax

from ..errors import ModelError
from ..tvm_api import attrs_dict
from .operator import Operator, tensor_argument

SLOPE_BITS = 14
"""A slope of 1 is 2^14."""
_PARAMETERS = {"scale": "int16", "bias": "int32", "slope": "int16", "low": "int16", "high": "int16"}
_MOST_SHIFT = 31


def infer_type(call: relax.Call) -> relax.TensorType:
    """Return the type of the result: int16 (N, H, W, C), as the sums are, channels last.

    Arguments are the sums, scale, bias, slope, low, high (one number a channel) and, where there is
    one, the residual, int16 of the sums' shape. Raises ModelError for anything else.
    """
    shape, _ = tensor_argument(call, 0, "sums", dims=4, dtypes=("int32",))
    for place, (name, dtype) in enumerate(_PARAMETERS.items(), 1):
        found, _ = tensor_argument(call, place, name, dims=1, dtypes=(dtype,))
        if found != shape[-1:]:
            raise ModelError(
                f"{call.op.name}: {found[0]} numbers of {name!r} for {shape[-1]} channels."
            )
    if len(call.args) > len(_PARAMETERS) + 1:
        found, _ = tensor_argument(
            call, len(_PARAMETERS) + 1, "residual", dims=4, dtypes=("int16",)
        )
        if found != shape:
            raise ModelError(f"{call.op.name}: a residual of {found} for sums of {shape}.")
    shift = int(attrs_dict(call)["shift"])
    if not 0 <= shift <= _MOST_SHIFT:
        raise ModelError(f"{call.op.name}: shift is {shift}, expected 0 to {_MOST_SHIFT}.")
    return relax.TensorType(shape, "int16")


def reference(
    sums: NDArray,
    scale: NDArray,
    bias: NDArray,
    slope: NDArray,
    low: NDArray,
    high: NDArray,
    residual: NDArray | None = None,
    **attrs: Any,
) -> NDArray:
    """Meaning of the operator in numpy."""
    wide = sums.astype(np.int64)
    value = _saturated(_shifted(wide * scale.astype(np.int64) + bias, int(attrs["shift"])))
    if residual is not None:
        value = _saturated(value + residual)
    negative = _saturated(_shifted(value * slope.astype(np.int64), SLOPE_BITS))
    value = np.where(value < 0, negative, value)
    return np.minimum(np.maximum(value, low), high).astype(np.int16)


def _shifted(value: NDArray, bits: int) -> NDArray:
    return (value + (1 << bits >> 1)) >> bits


def _saturated(value: NDArray) -> NDArray:
    return np.clip(value, -(1 << 31), (1 << 31) - 1)


fixed_point_trunk = Operator(
    name="snn.fixed_point_trunk",
    doc="Scale, bias, residual, PReLU and bounds of integer sums, in fixed point.",
    infer_type=infer_type,
    reference=reference,
).register()
