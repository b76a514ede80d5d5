"""Let a kernel pack the signs of its own result, where nobody else reads it.

FuseOps ends a convolution's group before an operator that is not elementwise. Packing is none, yet
it reads each element once: in the same group, the result never reaches memory as floats.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import tvm
import tvm_ffi
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..schedules.pack_signs import NAME as PACKING
from .layers import operator_name, var_bindings
from .trace_kernels import CALL_TIR

Substitution = Mapping[relax.Expr, relax.Expr]


@tvm.transform.module_pass(opt_level=0, name="FusePacking")
class FusePacking:
    """Merge what packs signs into the group whose result it packs. Runs after FuseOps."""

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        merger = _Merger(module)
        function = merger.visit_expr(module["main"])
        merger.builder_.update_func(module.get_global_var("main"), function)
        return relax.transform.DeadCodeElimination()(merger.builder_.get())


@mutator
class _Merger(PyExprMutator):
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self._module = module
        main = module["main"]
        self._bindings = {binding.var: binding.value for binding in var_bindings(main)}
        self._uses = _uses(main)

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        data = self._packed_group_result(call)
        if data is None:
            return super().visit_call_(call)
        producer = self._bindings[data]
        arguments = dict.fromkeys([*_arguments(producer), *_arguments(call)])
        del arguments[data]
        merged = self._merged(list(arguments), producer, data, call)
        name = self.builder_.add_func(merged, f"{producer.op.name_hint}_{PACKING}")
        return relax.Call(name, [self.visit_expr(argument) for argument in arguments])

    def _packed_group_result(self, call: relax.Call) -> relax.Var | None:
        """Return the result of a group that `call` packs and that has no other reader."""
        if not self._kernel(call).startswith(PACKING):
            return None
        groups = (arg for arg in _arguments(call) if self._group(self._bindings.get(arg)))
        return next((result for result in groups if self._uses[result] == 1), None)

    def _merged(
        self,
        arguments: Sequence[relax.Expr],
        producer: relax.Call,
        data: relax.Var,
        packing: relax.Call,
    ) -> relax.Function:
        """Return the function of `arguments` that computes `data` by `producer`, and packs it."""
        params = [relax.Var(f"param_{i}", arg.ty) for i, arg in enumerate(arguments)]
        known = dict(zip(arguments, params, strict=True))
        builder = relax.BlockBuilder()
        with builder.function("merged", params, {"Primitive": 1}, private=True):
            with builder.dataflow():
                result = self._emit_steps(builder, producer, known)
                words = self._emit_steps(builder, packing, {**known, data: result})
                output = builder.emit_output(words)
            builder.emit_func_output(output)
        return builder.get()["merged"]

    def _emit_steps(
        self, builder: relax.BlockBuilder, call: relax.Call, known: Substitution
    ) -> relax.Var:
        group = self._group(call)
        if group is None:
            return builder.emit(_substitute(call, known))
        inside = {
            param: known[argument] for param, argument in zip(group.params, call.args, strict=True)
        }
        for binding in var_bindings(group):
            inside[binding.var] = builder.emit(_substitute(binding.value, inside))
        return inside[group.body.body]

    def _kernel(self, call: relax.Call) -> str:
        """Return the name of the primitive function that gives the result of a call."""
        group = self._group(call)
        if group is not None:
            call = [binding.value for binding in var_bindings(group)][-1]
        return str(call.args[0].name_hint) if operator_name(call) == CALL_TIR else ""

    def _group(self, call: relax.Expr | None) -> relax.Function | None:
        """Return the group that an expression calls, None when it calls none."""
        called = call.op if isinstance(call, relax.Call) else None
        return self._module[called] if isinstance(called, tvm.ir.GlobalVar) else None


def _arguments(call: relax.Call) -> Sequence[relax.Expr]:
    return call.args[1].fields if operator_name(call) == CALL_TIR else call.args


def _substitute(expr: relax.Expr, known: Substitution) -> relax.Expr:
    return tvm_ffi.structural_map(expr, (relax.Var, lambda var: known.get(var, var)), order="post")


def _uses(function: relax.Function) -> Counter[relax.Expr]:
    """Count how often each variable of a function is read."""
    uses: Counter[relax.Expr] = Counter()
    values = [binding.value for binding in var_bindings(function)]
    for value in [*values, function.body.body]:
        tvm_ffi.structural_walk(value, (relax.Var, lambda var: uses.update([var])))
    return uses
