"""Equal calls of an operator are lowered once; then the result is said again for other operands.

A network repeats its layers, verification compiles them a second time, and parsing the TVMScript of
a kernel takes most of the time to lower one. What a call is lowered to depends on the operator, its
attributes, the types of its operands and the target alone.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import tvm
from tvm import relax
from tvm.target import Target

from ..tvm_api import attrs_dict

Legalization = Callable[[relax.BlockBuilder, relax.Call], relax.Expr]

_KEPT = 64


def lowered_once(legalize: Legalization) -> Legalization:
    """Return the legalization that lowers equal calls, for one target, only once.

    `legalize` may depend on nothing but the call and the target in scope. The last kernels are
    kept for as long as the process lives.
    """

    @lru_cache(maxsize=_KEPT)
    def lowered(call: "_Equal", _target: str) -> tvm.IRModule:
        builder = relax.BlockBuilder()
        with builder.function("main", call.parameters):
            result = builder.emit(legalize(builder, call.of_parameters()))
            builder.emit_func_output(result)
        return builder.get()

    def replay(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
        module = lowered(_Equal(call), str(Target.current(allow_none=True)))
        return _Replay(bb, module, call.args).result()

    return replay


class _Equal:
    """A call, equal to others that differ in their operands' values only."""

    def __init__(self, call: relax.Call) -> None:
        self._call = call
        types = tuple(str(operand.ty) for operand in call.args)
        self._key = call.op.name, types, str(sorted(attrs_dict(call).items()))
        self.parameters = [relax.Var(f"operand{i}", a.ty) for i, a in enumerate(call.args)]

    def of_parameters(self) -> relax.Call:
        """Return the call with the parameters in the place of its operands."""
        return relax.Call(self._call.op, self.parameters, self._call.attrs)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Equal) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@relax.expr_functor.mutator
class _Replay(relax.PyExprMutator):
    """Emits what a call was lowered to into another builder, on other operands."""

    def __init__(
        self, bb: relax.BlockBuilder, module: tvm.IRModule, operands: list[relax.Expr]
    ) -> None:
        super().__init__()
        self._bb, self._module = bb, module
        self._main = module["main"]
        self._known = dict(zip(self._main.params, operands, strict=True))

    def result(self) -> relax.Expr:
        *bindings, last = [b for block in self._main.body.blocks for b in block.bindings]
        for binding in bindings:
            self._known[binding.var] = self._bb.emit(self.visit_expr(binding.value))
        return self.visit_expr(last.value)

    def visit_var_(self, var: relax.Var) -> relax.Expr:
        return self._known[var]

    def visit_global_var_(self, var: tvm.ir.GlobalVar) -> relax.Expr:
        return self._bb.add_func(self._module[var], str(var.name_hint))
