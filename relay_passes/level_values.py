"""Which tensors are whole multiples of one step: tells uniform k-bit activations from other floats.

An expression is followed back to a rounding, and two facts are carried forward through what
clips, scales or copies: the interval that its elements lie in and the step they are multiples of.
So `round(clip(x, 0, b) * c) / c`, `clip(round(x / s), 0, 15) * s`, `floor(relu6(x) + 0.5)` and a
max pool over any of these are recognised by one rule each, however an exporter spells them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, inf, isfinite

import numpy as np
import tvm
from tvm import relax

from ..ops import static_shape
from ..ops.levels import MOST_LEVEL
from .layers import operator_name
from .sign_values import COPY, Bindings, scalar


@dataclass(frozen=True)
class Levels:
    """A tensor whose elements are 0, step, 2 * step .. top * step, each rounded to float32."""

    step: float
    top: int

    @property
    def bits(self) -> int:
        """Bits that a level takes."""
        return self.top.bit_length()


@dataclass(frozen=True)
class _Range:
    """What the elements of a tensor are: numbers from low to high, multiples of step if there is
    one."""

    low: float = -inf
    high: float = inf
    step: float | None = None


_ANY = _Range()
_WHOLE: Mapping[str, Callable[[float], float]] = {
    "relax.round": lambda x: floor(x + 0.5),
    "relax.floor": floor,
    "relax.ceil": lambda x: -floor(-x),
    "relax.trunc": int,
}
"""Operators that give whole numbers, and how they round a bound; ties make no difference to it."""
_CLIPPED: Mapping[str, tuple[float, float]] = {
    "relax.nn.relu": (0.0, inf),
    "relax.nn.relu6": (0.0, 6.0),
}


def find_levels(expr: relax.Expr, bindings: Bindings) -> Levels | None:
    """Return the levels that the elements of `expr` are, or None where they are other floats.

    Levels are unsigned, at least two and at most 256.
    """
    found = _Analysis(bindings).range_of(expr)
    if found.step is None or found.low < 0 or not isfinite(found.high):
        return None
    top = round(found.high / found.step)
    return Levels(found.step, top) if 1 <= top <= MOST_LEVEL else None


def whole_numbers(expr: relax.Expr, levels: Levels, bindings: Bindings) -> relax.Expr | None:
    """Return the tensor of whole numbers that `expr` is a multiple of, where there is one.

    None where `expr` is no product of such a tensor and its step: a pool over it, say.
    """
    if levels.step == 1:
        return expr
    call = bindings.get(expr)
    if call is None or operator_name(call) != "relax.multiply":
        return None
    for factor, other in (call.args, reversed(call.args)):
        same = static_shape(other.ty) == static_shape(expr.ty)
        if _number(factor) == levels.step and same:
            return other if find_levels(other, bindings) == Levels(1.0, levels.top) else None
    return None


class _Analysis:
    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._known: dict[relax.Var, _Range] = {}

    def range_of(self, expr: relax.Expr) -> _Range:
        if isinstance(expr, relax.Var):
            if expr not in self._known:
                bound = self._bindings.get(expr)
                self._known[expr] = _ANY if bound is None else self.range_of(bound)
            return self._known[expr]
        if isinstance(expr, relax.TupleGetItem):
            return self.range_of(expr.tuple_value)
        if isinstance(expr, relax.Tuple):
            return _union([self.range_of(field) for field in expr.fields])
        if isinstance(expr, relax.Call) and str(getattr(expr.ty, "dtype", "float32")) == "float32":
            return self._of_call(expr)
        return _ANY

    def _of_call(self, call: relax.Call) -> _Range:
        name = operator_name(call)
        if name in _WHOLE:
            return _rounded(self.range_of(call.args[0]), _WHOLE[name])
        if name in COPY or name in ("relax.concat", "relax.stack"):
            return self.range_of(call.args[0])
        if name == "relax.clip":
            low, high = (scalar(argument) for argument in call.args[1:3])
            if low is None or high is None:
                return _ANY
            return _clipped(self.range_of(call.args[0]), low, high)
        if name in _CLIPPED:
            return _clipped(self.range_of(call.args[0]), *_CLIPPED[name])
        if name == "relax.nn.pad":
            return self._padded(call)
        return self._with_number(name, call) if len(call.args) == 2 else _ANY

    def _with_number(self, name: str, call: relax.Call) -> _Range:
        """Return the range of an operator of a tensor and a number."""
        number = _number(call.args[1])
        other = call.args[0]
        if number is None and name != "relax.divide" and name != "relax.subtract":
            number, other = _number(call.args[0]), call.args[1]
        if number is None:
            return _ANY
        inner = self.range_of(other)
        if name == "relax.maximum":
            return _clipped(inner, number, inf)
        if name == "relax.minimum":
            return _clipped(inner, -inf, number)
        if name in ("relax.add", "relax.subtract"):
            offset = number if name == "relax.add" else -number
            return _Range(inner.low + offset, inner.high + offset)
        if name in ("relax.multiply", "relax.divide") and number > 0:
            factor = number if name == "relax.multiply" else 1 / number
            step = None if inner.step is None else inner.step * factor
            return _Range(inner.low * factor, inner.high * factor, step)
        return _ANY

    def _padded(self, call: relax.Call) -> _Range:
        inner = self.range_of(call.args[0])
        if str(call.attrs.pad_mode) != "constant":
            return inner
        filler = _number(call.args[2]) if len(call.args) > 2 else float(call.attrs.pad_value)
        if filler is None:
            return _ANY
        step = inner.step if filler == 0 else None
        return _Range(min(inner.low, filler), max(inner.high, filler), step)


def _rounded(inner: _Range, rounding: Callable[[float], float]) -> _Range:
    low, high = (rounding(bound) if isfinite(bound) else bound for bound in (inner.low, inner.high))
    return _Range(low, high, 1.0)


def _clipped(inner: _Range, low: float, high: float) -> _Range:
    """Return what is left between two bounds; multiples stay multiples between multiples."""
    multiples = inner.step is not None and all(
        not isfinite(bound) or _is_multiple(bound, inner.step) for bound in (low, high)
    )
    first, last = (min(max(bound, low), high) for bound in (inner.low, inner.high))
    return _Range(first, last, inner.step if multiples else None)


def _is_multiple(number: float, step: float) -> bool:
    """Tell whether a number is a multiple of a step but for the rounding of both to float32."""
    steps = round(number / step)
    return bool(np.isclose(number, steps * step, rtol=2**-22, atol=0))


def _union(ranges: Sequence[_Range]) -> _Range:
    steps = {each.step for each in ranges}
    low, high = min(each.low for each in ranges), max(each.high for each in ranges)
    return _Range(low, high, steps.pop() if len(steps) == 1 else None)


def _number(expr: relax.Expr) -> float | None:
    """Return the finite number that a constant consists of, None for anything else."""
    if not isinstance(expr, tvm.ir.GenericConst):
        return None
    array = expr.value.numpy()
    if array.size != 1 or not np.isfinite(array).all():
        return None
    return float(array.reshape(-1)[0])
