"""Evaluate constant subgraphs in numpy.

TVM's own FoldConstant compiles every folded operator with LLVM, which takes minutes on networks
whose weights are binarised in `forward`. The reference interpreter needs no compiler.
"""

from collections import Counter
from math import prod
from typing import Any

import numpy as np
import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..ops import static_shape
from ..reference import SUPPORTED, evaluate_call
from .layers import is_layer, operator_name, var_bindings
from .mutation import mutate_main

MAX_GROWTH = 16
"""A broadcast whose result is more times larger than what goes in stays a broadcast."""

_BROADCASTS = frozenset(
    f"relax.{name}"
    for name in (
        "broadcast_to",
        "full",
        "full_like",
        "zeros",
        "zeros_like",
        "ones",
        "ones_like",
        "repeat",
        "tile",
    )
)

_WRITTEN_OUT = (
    tvm.ir.GenericConst,
    tvm.tirx.IntImm,
    tvm.tirx.FloatImm,
    relax.ShapeExpr,
    tvm.ir.StringImm,
)


@tvm.transform.module_pass(opt_level=0, name="FoldConstants")
class FoldConstants:
    """Replace every operator whose arguments are all constants by its result.

    Operators that the reference interpreter lacks stay, with folded arguments. A broadcast of a
    small constant stays, too, unless it is the weight of a layer: folding it would blow the model
    up (shrink_broadcasts makes it needless where it can).
    """

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return _Folder.run(module)


@mutator
class _Folder(PyExprMutator):
    def __init__(self, module: tvm.IRModule, uses: Counter[relax.Var]) -> None:
        super().__init__(module)
        self._uses = uses
        self._values: dict[relax.Var, Any] = {}
        self._calls: dict[relax.Var, relax.Expr] = {}
        self._emitted: dict[tuple[relax.Var, bool], relax.Expr] = {}
        self._in_layer = False

    @staticmethod
    def run(module: tvm.IRModule) -> tvm.IRModule:
        return mutate_main(module, _Folder(module, _count_uses(module["main"])))

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        if not self._is_constant(binding.value):
            super().visit_var_binding_(binding)
            return
        self._values[binding.var] = self._evaluate(binding.value)
        self._calls[binding.var] = binding.value
        if not _grows(binding.value):
            self._release(binding.value)

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        self._in_layer = is_layer(call)
        visited = super().visit_call_(call)
        self._in_layer = False
        return visited

    def visit_var_(self, var: relax.Var) -> relax.Expr:
        return self._constant(var) if var in self._values else super().visit_var_(var)

    def visit_dataflow_var_(self, var: relax.DataflowVar) -> relax.Expr:
        return self._constant(var) if var in self._values else super().visit_dataflow_var_(var)

    def _is_constant(self, expr: relax.Expr) -> bool:
        """Tell whether an expression can be evaluated here and now."""
        if isinstance(expr, relax.Var):
            return expr in self._values
        if isinstance(expr, relax.Tuple):
            return all(self._is_constant(field) for field in expr.fields)
        if isinstance(expr, relax.TupleGetItem):
            return self._is_constant(expr.tuple_value)
        if isinstance(expr, relax.Call):
            return operator_name(expr) in SUPPORTED and all(map(self._is_constant, expr.args))
        return isinstance(expr, _WRITTEN_OUT)

    def _evaluate(self, expr: relax.Expr) -> Any:
        if isinstance(expr, relax.Var):
            return self._values[expr]
        if isinstance(expr, relax.Tuple):
            return tuple(self._evaluate(field) for field in expr.fields)
        if isinstance(expr, relax.TupleGetItem):
            return self._evaluate(expr.tuple_value)[expr.index]
        if isinstance(expr, tvm.ir.GenericConst):
            return expr.value.numpy()
        if isinstance(expr, relax.Call):
            return evaluate_call(expr, [self._argument(argument) for argument in expr.args])
        return getattr(expr, "value", None)

    def _argument(self, expr: relax.Expr) -> Any:
        """Return an argument's value; None for what is written out in the call itself."""
        return self._evaluate(expr) if relax.analysis.free_vars(expr) else None

    def _release(self, expr: relax.Expr) -> None:
        """Forget values that nothing reads any more: a search for weights makes large ones."""
        for var in relax.analysis.free_vars(expr):
            self._uses[var] -= 1
            if self._uses[var] == 0:
                self._values.pop(var, None)

    def _constant(self, var: relax.Var) -> relax.Expr:
        """Return what stands in the new function for a variable that was folded."""
        as_broadcast = not self._in_layer and _grows(self._calls[var])
        key = var, as_broadcast
        if key not in self._emitted:
            if as_broadcast:
                self._emitted[key] = self.builder_.emit(super().visit_call_(self._calls[var]))
            else:
                self._emitted[key] = _as_expr(self._values[var])
        return self._emitted[key]


def _count_uses(function: relax.Function) -> Counter[relax.Var]:
    values = [binding.value for binding in var_bindings(function)]
    return Counter(var for value in values for var in relax.analysis.free_vars(value))


def _grows(expr: relax.Expr) -> bool:
    """Tell whether an expression is a broadcast that makes much out of little."""
    if operator_name(expr) not in _BROADCASTS:
        return False
    return _bytes(expr) > MAX_GROWTH * max(sum(map(_bytes, expr.args)), 1)


def _bytes(expr: relax.Expr) -> int:
    if not isinstance(expr.ty, relax.TensorType):
        return 0
    shape = static_shape(expr.ty) or ()
    return prod(shape) * np.dtype(str(expr.ty.dtype)).itemsize


def _as_expr(value: Any) -> relax.Expr:
    if isinstance(value, tuple):
        return relax.Tuple([_as_expr(field) for field in value])
    return relax.const(np.asarray(value, order="C"), str(value.dtype))
