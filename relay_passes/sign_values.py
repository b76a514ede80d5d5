"""Which few values a tensor can take: tells activations that are signs from other floats.

An expression is followed back to operators with few results (`sign`, a comparison, a constant of
few values), and the values are carried forward through everything that copies, selects or
combines them. So `sign(x)`, `where(x > 0, 1, -1)`, `2 * astype(x >= 0) - 1` and a max pool over
any of these are recognised by one rule each, however an exporter spells them.
"""

from collections.abc import Callable, Mapping
from itertools import product
from math import isfinite

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from .layers import operator_name

Bindings = Mapping[relax.Var, relax.Expr]
"""The variables of a function and the expressions they are bound to."""

Values = frozenset[float]

SIGNS: Values = frozenset((-1.0, 0.0, 1.0))

MAX_VALUES = 16
"""Sets that grow past this are taken as "anything": an ordinary float tensor."""

_BOOLEAN: Values = frozenset((0.0, 1.0))

COPY = frozenset(
    f"relax.{name}"
    for name in (
        "reshape",
        "flatten",
        "permute_dims",
        "squeeze",
        "expand_dims",
        "broadcast_to",
        "strided_slice",
        "split",
        "take",
        "repeat",
        "tile",
        "flip",
        "nn.batch_flatten",
        "nn.pixel_shuffle",
        "nn.max_pool1d",
        "nn.max_pool2d",
        "nn.max_pool3d",
        "max",
        "min",
    )
)
"""Operators that hand on values of their first argument, and no others."""

_COMPARE = frozenset(
    f"relax.{name}"
    for name in (
        "greater",
        "greater_equal",
        "less",
        "less_equal",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_not",
        "logical_xor",
        "isnan",
        "isinf",
        "isfinite",
    )
)

_ARITHMETIC: Mapping[str, Callable[..., float]] = {
    "relax.add": lambda a, b: a + b,
    "relax.subtract": lambda a, b: a - b,
    "relax.multiply": lambda a, b: a * b,
    "relax.maximum": max,
    "relax.minimum": min,
    "relax.negative": lambda a: -a,
    "relax.abs": abs,
    "relax.nn.relu": lambda a: max(a, 0.0),
}

_FILLED: Mapping[str, float] = {
    "relax.zeros": 0.0,
    "relax.zeros_like": 0.0,
    "relax.ones": 1.0,
    "relax.ones_like": 1.0,
}


def is_sign_valued(expr: relax.Expr, bindings: Bindings) -> bool:
    """Tell whether every element of a tensor is -1, 0 or +1, whatever the network's input."""
    values = possible_values(expr, bindings)
    return values is not None and values <= SIGNS


def possible_values(expr: relax.Expr, bindings: Bindings) -> Values | None:
    """Return the values that elements of `expr` can take, or None when they are not few."""
    return _Analysis(bindings).values(expr)


class _Analysis:
    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._known: dict[relax.Var, Values | None] = {}

    def values(self, expr: relax.Expr) -> Values | None:
        if isinstance(expr, relax.Var):
            if expr not in self._known:
                bound = self._bindings.get(expr)
                self._known[expr] = None if bound is None else self.values(bound)
            return self._known[expr]
        if isinstance(expr, tvm.ir.GenericConst):
            return _distinct(expr.value.numpy())
        if isinstance(expr, relax.TupleGetItem):
            return self.values(expr.tuple_value)
        if isinstance(expr, relax.Tuple):
            return self._union(*expr.fields)
        if isinstance(expr, relax.Call):
            return self._of_call(expr)
        return None

    def _of_call(self, call: relax.Call) -> Values | None:
        name = operator_name(call)
        if name == "relax.sign":
            return SIGNS
        if name in _COMPARE:
            return _BOOLEAN
        if name in COPY:
            return self.values(call.args[0])
        if name in _FILLED:
            return frozenset((_FILLED[name],))
        if name in ("relax.full", "relax.full_like"):
            return self.values(call.args[1])
        if name in _ARITHMETIC:
            return self._combine(_ARITHMETIC[name], call)
        if name == "relax.astype":
            return _cast(self.values(call.args[0]), str(call.ty.dtype))
        if name == "relax.where":
            return self._union(call.args[1], call.args[2])
        if name in ("relax.concat", "relax.stack"):
            return self.values(call.args[0])
        if name == "relax.nn.pad":
            return self._padded(call)
        if name == "relax.clip":
            return self._clipped(call)
        return None

    def _combine(self, function: Callable[..., float], call: relax.Call) -> Values | None:
        sets = [self.values(argument) for argument in call.args]
        known = [s for s in sets if s is not None]
        if len(known) < len(sets):
            return None
        results = [function(*numbers) for numbers in product(*known)]
        return _cast(_few(results), str(call.ty.dtype))

    def _union(self, *parts: relax.Expr) -> Values | None:
        sets = [self.values(part) for part in parts]
        known = [s for s in sets if s is not None]
        return _few(frozenset().union(*known)) if len(known) == len(sets) else None

    def _padded(self, call: relax.Call) -> Values | None:
        inner = self.values(call.args[0])
        if inner is None or str(call.attrs.pad_mode) != "constant":
            return inner
        filler = self.values(call.args[2]) if len(call.args) > 2 else None
        if filler is None:
            filler = frozenset((float(call.attrs.pad_value),))
        return _few(inner | filler)

    def _clipped(self, call: relax.Call) -> Values | None:
        inner = self.values(call.args[0])
        low, high = (scalar(argument) for argument in call.args[1:3])
        if inner is None or low is None or high is None:
            return None
        return _few([min(max(value, low), high) for value in inner])


def _distinct(array: NDArray) -> Values | None:
    start = np.unique(array.ravel()[: 4 * MAX_VALUES])
    # Weights are large and nearly always give themselves away at their beginning.
    return _few(start.tolist()) and _few(np.unique(array).tolist())


def _few(values: list[float] | Values) -> Values | None:
    distinct = frozenset(float(value) for value in values)
    # A NaN equals nothing, itself included: leave such tensors to ordinary arithmetic.
    if len(distinct) > MAX_VALUES or any(value != value for value in distinct):
        return None
    return distinct


def _cast(values: Values | None, dtype: str) -> Values | None:
    """Carry values through a cast to `dtype`, rounded as it rounds; None for any doubt."""
    if values is None:
        return None
    if dtype.startswith("float"):
        with np.errstate(over="ignore"):
            return frozenset(float(np.dtype(dtype).type(value)) for value in values)
    if dtype == "bool":
        return frozenset(float(value != 0) for value in values)
    if not all(map(isfinite, values)) or (dtype.startswith("uint") and min(values) < 0):
        return None
    if dtype.startswith(("int", "uint")):
        values = frozenset(float(int(value)) for value in values)
        return values if max(map(abs, values)) < 128 else None
    return None


def scalar(expr: relax.Expr) -> float | None:
    """Return the number that is written out in a call, None for anything else."""
    number = getattr(expr, "value", expr)
    return float(number) if isinstance(number, int | float) else None
