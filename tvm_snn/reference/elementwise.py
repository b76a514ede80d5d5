"""Arithmetic, comparisons and logic, element by element with numpy's broadcasting.

Two choices differ from a bare numpy call and follow TVM: integer division truncates towards zero
(`divide`, `mod`), and the sign of NaN is 0. A NaN goes through `maximum`, `minimum` and `clip` as
it does in PyTorch and ONNX; what TVM's generated code does with it depends on the target.
"""

import math
from typing import Any

import numpy as np

from ..errors import ModelError
from .table import dtype_of, enter_plain, operator

Array = np.ndarray


def sign(x: Array) -> Array:
    """`1` where x > 0, `-1` where x < 0, else 0: so 0, -0.0 and NaN give 0."""
    positive: Array = np.greater(x, 0).astype(x.dtype)
    return positive if x.dtype.kind in "ub" else positive - np.less(x, 0).astype(x.dtype)


def sigmoid(x: Array) -> Array:
    """`1 / (1 + exp(-x))`, written so that exp never overflows."""
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decay).astype(x.dtype) / (1 + decay)


def erf(x: Array) -> Array:
    """Gauss's error function, in double precision by the C library, rounded once."""
    flat = np.asarray(x, np.float64).ravel()
    values = np.fromiter(map(math.erf, flat.tolist()), np.float64, count=flat.size)
    return values.reshape(x.shape).astype(x.dtype)


def divide(a: Array, b: Array) -> Array:
    """`a / b`; on integers the quotient is truncated towards zero as in C."""
    if _is_float(a):
        return np.divide(a, b)
    return _exact(a, b, lambda p, q: np.sign(p) * np.sign(q) * (np.abs(p) // np.abs(q)))


def truncated_remainder(a: Array, b: Array) -> Array:
    """`a - b * trunc(a / b)`: the sign of the dividend, as C's `%` and `fmod`."""
    return np.fmod(a, _nonzero(a, b))


def floor_divide(a: Array, b: Array) -> Array:
    """`floor(a / b)`; on floats the rounded quotient is what is floored, as TVM does."""
    return np.floor(np.divide(a, b)) if _is_float(a) else np.floor_divide(a, _nonzero(a, b))


def floor_remainder(a: Array, b: Array) -> Array:
    """`a - b * floor(a / b)`: the sign of the divisor."""
    return a - floor_divide(a, b) * b if _is_float(a) else np.mod(a, _nonzero(a, b))


def power(base: Array, exponent: Array) -> Array:
    """`base ** exponent`; squares and square roots, which weights are full of, the fast way."""
    if exponent.size == 1 and exponent.ndim <= base.ndim and _is_float(base):
        if exponent.item() == 2:
            return np.square(base)
        if exponent.item() == 0.5:
            return np.sqrt(base)
    return np.power(base, exponent)


def clip(x: Array, low: float, high: float) -> Array:
    """`max(min(x, high), low)` with the bounds cast to x's dtype, saturating."""
    return np.maximum(np.minimum(x, _bound(high, x.dtype)), _bound(low, x.dtype))


def _bound(value: float, dtype: np.dtype) -> Array:
    """Cast a clip bound; an infinite or too large one becomes the dtype's own limit."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        value = min(max(value, limits.min), limits.max)
    return np.asarray(value, dtype)


def _is_float(x: Array) -> bool:
    return x.dtype.kind == "f"


def _nonzero(a: Array, divisor: Array) -> Array:
    if not _is_float(a) and not np.all(divisor):
        raise ModelError(
            "an integer is divided by zero, which has no defined result: "
            "correct the constant or the input that leads to it"
        )
    return divisor


def _exact(a: Array, b: Array, function: Any) -> Array:
    """Compute on 64-bit integers and cast back, so that no intermediate overflows."""
    wide = np.uint64 if a.dtype.kind == "u" else np.int64
    return np.asarray(function(a.astype(wide), _nonzero(a, b).astype(wide)), a.dtype)


def _logical(function: Any) -> Any:
    """Logic on truth values; the result has the dtype of the operands."""
    return lambda *values: function(*values).astype(values[0].dtype)


enter_plain(
    {
        # one operand
        "relax.abs": np.abs,
        "relax.acos": np.arccos,
        "relax.acosh": np.arccosh,
        "relax.asin": np.arcsin,
        "relax.asinh": np.arcsinh,
        "relax.atan": np.arctan,
        "relax.atanh": np.arctanh,
        "relax.bitwise_not": np.invert,
        "relax.ceil": np.ceil,
        "relax.cos": np.cos,
        "relax.cosh": np.cosh,
        "relax.erf": erf,
        "relax.exp": np.exp,
        "relax.floor": np.floor,
        "relax.isfinite": np.isfinite,
        "relax.isinf": np.isinf,
        "relax.isnan": np.isnan,
        "relax.log": np.log,
        "relax.logical_not": _logical(np.logical_not),
        "relax.negative": np.negative,
        "relax.round": np.rint,
        "relax.rsqrt": lambda x: 1 / np.sqrt(x),
        "relax.sigmoid": sigmoid,
        "relax.sign": sign,
        "relax.sin": np.sin,
        "relax.sinh": np.sinh,
        "relax.sqrt": np.sqrt,
        "relax.square": np.square,
        "relax.tan": np.tan,
        "relax.tanh": np.tanh,
        "relax.trunc": np.trunc,
        # two operands
        "relax.add": np.add,
        "relax.atan2": np.arctan2,
        "relax.bitwise_and": np.bitwise_and,
        "relax.bitwise_or": np.bitwise_or,
        "relax.bitwise_xor": np.bitwise_xor,
        "relax.divide": divide,
        "relax.equal": np.equal,
        "relax.floor_divide": floor_divide,
        "relax.floor_mod": floor_remainder,
        "relax.greater": np.greater,
        "relax.greater_equal": np.greater_equal,
        "relax.left_shift": np.left_shift,
        "relax.less": np.less,
        "relax.less_equal": np.less_equal,
        "relax.log_add_exp": np.logaddexp,
        "relax.logical_and": _logical(np.logical_and),
        "relax.logical_or": _logical(np.logical_or),
        "relax.logical_xor": _logical(np.logical_xor),
        "relax.maximum": np.maximum,
        "relax.minimum": np.minimum,
        "relax.mod": truncated_remainder,
        "relax.multiply": np.multiply,
        "relax.not_equal": np.not_equal,
        "relax.power": power,
        "relax.right_shift": np.right_shift,
        "relax.subtract": np.subtract,
        # three operands
        "relax.clip": clip,
        "relax.ewise_fma": lambda a, b, c: a * b + c,
        "relax.where": lambda condition, a, b: np.where(np.asarray(condition, bool), a, b),
    }
)


@operator("relax.astype")
def astype(attrs: Any, x: Array) -> Array:
    """Cast: a float becomes an integer by truncation, anything but zero becomes true."""
    return x.astype(dtype_of(attrs.dtype))
