"""How far a tensor may differ because of a float that is at a threshold but for rounding.

A sign, a comparison or a rounding to integers jumps where its float crosses a threshold. Two
engines that round the float differently there differ by the whole jump, and so does whatever the
same kernel makes of it. Here the kernel is computed twice more, with every such float moved down
and up by the tolerance: what lies between the results is a tie and no defect.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from .ops.packed_signs import bits
from .reference import evaluate_call
from .relay_passes.layers import operator_name

RELATIVE_TOLERANCE = 1e-4
ABSOLUTE_TOLERANCE = 1e-5

PACKS_SIGNS = "snn.pack_signs"
SIGNS = frozenset(("relax.sign", PACKS_SIGNS))
"""Operators that tell signs."""
_COMPARISONS = frozenset(
    f"relax.{name}"
    for name in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
)
_ROUNDINGS = frozenset(f"relax.{name}" for name in ("floor", "ceil", "round", "trunc"))

Values = Mapping[relax.Expr, Any]
"""Variables and the arrays (or tuples of arrays) that they hold."""


def tolerance(expected: NDArray, tensor: NDArray) -> NDArray:
    """Return by how much rounding may change elements of `tensor` that should be `expected`."""
    finite = np.abs(tensor[np.isfinite(tensor)])
    return RELATIVE_TOLERANCE * np.abs(expected) + ABSOLUTE_TOLERANCE * finite.max(initial=0.0)


def distance_from_threshold(definition: relax.Expr, values: Values) -> NDArray | None:
    """Return the float whose sign an operator tells, None for any other expression."""
    name = operator_name(definition)
    if name not in SIGNS and name not in _COMPARISONS:
        return None
    arrays = [_array(argument, values) for argument in definition.args]
    distance = arrays[0] if len(arrays) == 1 else _difference(*arrays)
    return distance if np.issubdtype(distance.dtype, np.floating) else None


def range_with_ties(
    output: relax.Var,
    definitions: Mapping[relax.Expr, relax.Expr],
    values: Values,
    given: Collection[str],
) -> tuple[tuple[NDArray, NDArray], ...]:
    """Return the least and the greatest value that each field of a kernel's output may have.

    `definitions` and `values` are those of the whole network, `given` the names of the tensors
    that kernels hand to each other: `output` is computed from them, and is one of them. Arrays are
    `comparable`.
    """
    moved = [_Moved(definitions, values, given, step).recomputed(output) for step in (-1, 1)]
    fields = zip(*map(_as_tuple, [values[output], *moved]), strict=True)
    numbers = [tuple(map(comparable, field)) for field in fields]
    return tuple((np.minimum.reduce(f), np.maximum.reduce(f)) for f in numbers)


def comparable(array: NDArray) -> NDArray:
    """Return an array whose elements are numbers of their own: the bits of words of signs."""
    return bits(array) if array.dtype == np.uint64 else array


class _Moved:
    """The variables of a kernel, with every float at a threshold moved in one direction."""

    def __init__(
        self,
        definitions: Mapping[relax.Expr, relax.Expr],
        values: Values,
        given: Collection[str],
        step: int,
    ) -> None:
        self._definitions = definitions
        self._values = values
        self._given = given
        self._step = step
        self._known: dict[relax.Var, Any] = {}

    def recomputed(self, var: relax.Var) -> Any:
        """Return the value of a variable of the kernel; what does not change is not computed."""
        definition = self._definitions[var]
        if isinstance(definition, relax.TupleGetItem):
            return self._value(definition.tuple_value)[definition.index]
        if not isinstance(definition, relax.Call):
            return self._value(definition)
        arguments = [self._value(argument) for argument in definition.args]
        move = self._move(definition)
        if move is None and all(map(self._is_unchanged, definition.args)):
            return self._values[var]
        if move is not None:
            arguments[0] = (_array(definition.args[0], self._values) + move).astype(np.float32)
        return evaluate_call(definition, arguments)

    def _value(self, expr: relax.Expr) -> Any:
        """Return a value, or None for what is written out in a call."""
        if isinstance(expr, relax.Tuple):
            return tuple(self._value(field) for field in expr.fields)
        if not isinstance(expr, relax.Var):
            return None
        if expr not in self._known:
            inside = expr in self._definitions and str(expr.name) not in self._given
            self._known[expr] = self.recomputed(expr) if inside else self._values[expr]
        return self._known[expr]

    def _is_unchanged(self, expr: relax.Expr) -> bool:
        if isinstance(expr, relax.Tuple):
            return all(map(self._is_unchanged, expr.fields))
        return not isinstance(expr, relax.Var) or self._value(expr) is self._values[expr]

    def _move(self, definition: relax.Call) -> NDArray | None:
        """Return what is added to the first argument of an operator that jumps."""
        distance = distance_from_threshold(definition, self._values)
        if distance is not None:
            return self._step * tolerance(np.zeros_like(distance), distance)
        if operator_name(definition) in _ROUNDINGS:
            floats = _array(definition.args[0], self._values)
            return self._step * tolerance(floats, floats)
        return None


def _array(expr: relax.Expr, values: Values) -> NDArray:
    return expr.value.numpy() if isinstance(expr, tvm.ir.GenericConst) else values[expr]


def _difference(left: NDArray, right: NDArray) -> NDArray:
    if not np.issubdtype(left.dtype, np.floating):
        return left
    with np.errstate(invalid="ignore"):
        return left - right


def _as_tuple(value: Any) -> tuple[NDArray, ...]:
    return value if isinstance(value, tuple) else (value,)
