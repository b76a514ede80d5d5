"""Drop the straight-through residue of binarised activations: `sign(x) - f(x) + f(x)`.

Training code adds a function to the sign and takes it away again, so that the gradient is that of
the function. In real numbers nothing is left of it; in float32 it leaves noise of about 1e-7,
which hides from later passes that the tensor is made of signs, or of levels.
"""

from collections import Counter

import numpy as np
import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..ops import static_shape
from .layers import operator_name, var_bindings
from .level_values import find_levels
from .mutation import mutate_main
from .sign_values import Bindings, is_sign_valued

Terms = dict[relax.Expr, int]
"""A sum as its terms, each with how often it is added (negative: taken away)."""


@tvm.transform.module_pass(opt_level=0, name="DropStraightThrough")
class DropStraightThrough:
    """Replace a sum whose terms cancel, but for one of signs or of levels, by that term.

    Terms are collected through nested add, subtract, negate and products with +1 or -1, in any
    order and association, and cancel when they are the same variable: run common subexpression
    elimination first, for networks that compute f(x) twice. A sum that leaves anything but one
    such tensor of the sum's own shape is not touched.
    """

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return _Dropper.run(module)


@mutator
class _Dropper(PyExprMutator):
    def __init__(self, module: tvm.IRModule, survivors: dict[relax.Expr, relax.Expr]) -> None:
        super().__init__(module)
        self._survivors = survivors

    @staticmethod
    def run(module: tvm.IRModule) -> tvm.IRModule:
        survivors = _find_survivors(module["main"])
        if not survivors:
            return module
        return mutate_main(module, _Dropper(module, survivors))

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        survivor = self._survivors.get(call)
        return super().visit_call_(call) if survivor is None else self.visit_expr(survivor)


def _find_survivors(function: relax.Function) -> dict[relax.Expr, relax.Expr]:
    """Map each sum to drop to the term that stays."""
    bindings = {binding.var: binding.value for binding in var_bindings(function)}
    sums: dict[relax.Var, Terms] = {}
    survivors = {}
    for var, value in bindings.items():
        terms = _terms_of_sum(value, sums)
        if terms is None:
            continue
        if is_sign_valued(var, bindings):
            # A sign written as a sum, 2 * (x >= 0) - 1: a term of its own.
            continue
        sums[var] = terms
        survivor = _survivor(value, terms, bindings)
        if survivor is not None:
            survivors[value] = survivor
    return survivors


def _survivor(value: relax.Call, terms: Terms, bindings: Bindings) -> relax.Expr | None:
    if len(terms) != 1 or operator_name(value) not in ("relax.add", "relax.subtract"):
        return None
    ((term, count),) = terms.items()
    if count != 1 or not _same_type(term.ty, value.ty):
        return None
    discrete = is_sign_valued(term, bindings) or find_levels(term, bindings) is not None
    return term if discrete else None


def _same_type(left: relax.TensorType, right: relax.TensorType) -> bool:
    """Compare shape and dtype: a term that the sum broadcasts cannot stand in for it."""
    return static_shape(left) == static_shape(right) and str(left.dtype) == str(right.dtype)


def _terms_of_sum(value: relax.Expr, sums: dict[relax.Var, Terms]) -> Terms | None:
    """Return the terms of a sum, or None for any other expression."""
    name = operator_name(value)
    if name == "relax.add":
        return _combine(_terms(value.args[0], sums), _terms(value.args[1], sums), 1)
    if name == "relax.subtract":
        return _combine(_terms(value.args[0], sums), _terms(value.args[1], sums), -1)
    if name == "relax.negative":
        return _combine({}, _terms(value.args[0], sums), -1)
    if name == "relax.multiply":
        for factor, other in (value.args, reversed(value.args)):
            sign = _unit(factor)
            if sign is not None:
                return _combine({}, _terms(other, sums), sign)
    return None


def _terms(expr: relax.Expr, sums: dict[relax.Var, Terms]) -> Terms:
    return sums.get(expr, {expr: 1})


def _combine(left: Terms, right: Terms, sign: int) -> Terms:
    total = Counter(left)
    for term, count in right.items():
        total[term] += sign * count
    return {term: count for term, count in total.items() if count}


def _unit(expr: relax.Expr) -> int | None:
    """Return +1 or -1 for a constant of that one number, else None."""
    if not isinstance(expr, tvm.ir.GenericConst):
        return None
    array = expr.value.numpy()
    if array.size != 1 or abs(array.reshape(-1)[0]) != 1:
        return None
    return int(np.sign(array.reshape(-1)[0]))
