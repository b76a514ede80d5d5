"""Let a kernel pack the signs of its own result.

FuseOps ends a convolution's group before an operator that is not elementwise. Packing is none, yet
it reads each element once: in the same group, a result that nobody else reads never reaches memory
as floats. A result with other readers, as in a residual network, is packed while it is in the
cache, and the kernel has several outputs.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import tvm
import tvm_ffi
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..schedules.emit import FUSES_ELEMENTWISE_EPILOGUE
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
        self._packings: dict[relax.Var, list[relax.Var]] = defaultdict(list)
        for var, value in self._bindings.items():
            data = self._packed_result(value)
            if data is not None:
                self._packings[data].append(var)
        self._packed_apart = {var for packings in self._packings.values() for var in packings}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        packings = self._packings.get(binding.var, [])
        if packings and self._uses[binding.var] > 1:
            merged = self.builder_.emit(self._merged(binding.var, packings, keeps_data=True))
            for index, var in enumerate([binding.var, *packings]):
                self.set_var_remap(var, self.builder_.emit(relax.TupleGetItem(merged, index)))
        elif packings:
            self.set_var_remap(
                packings[0],
                self.builder_.emit(self._merged(binding.var, packings, keeps_data=False)),
            )
        elif binding.var not in self._packed_apart:
            super().visit_var_binding_(binding)

    def _packed_result(self, value: relax.Expr) -> relax.Var | None:
        """Return the result of a kernel that a call packs, and that may pack it itself.

        All else that the packing reads must be there when that kernel runs.
        """
        if not isinstance(value, relax.Call) or not self._kernel(value).startswith(PACKING):
            return None
        computed = [argument for argument in _arguments(value) if argument in self._bindings]
        if len(computed) != 1 or not isinstance(computed[0], relax.DataflowVar):
            return None
        return computed[0] if self._takes_packing(self._bindings[computed[0]]) else None

    def _takes_packing(self, call: relax.Expr) -> bool:
        if self._group(call) is not None:
            return True
        if operator_name(call) != CALL_TIR:
            return False
        kernel = self._module[call.args[0]]
        return int(kernel.attrs.get("op_pattern", 0)) == FUSES_ELEMENTWISE_EPILOGUE

    def _merged(
        self, data: relax.Var, packings: Sequence[relax.Var], *, keeps_data: bool
    ) -> relax.Call:
        """Return a call of the function that computes `data` and packs it.

        Its result is the words, or a tuple of `data` and the words of each packing.
        """
        producer, calls = self._bindings[data], [self._bindings[var] for var in packings]
        read = [argument for call in [producer, *calls] for argument in _arguments(call)]
        arguments = [argument for argument in dict.fromkeys(read) if argument is not data]
        params = [relax.Var(f"param_{i}", arg.ty) for i, arg in enumerate(arguments)]
        known = dict(zip(arguments, params, strict=True))
        builder = relax.BlockBuilder()
        with builder.function("merged", params, {"Primitive": 1}, private=True):
            with builder.dataflow():
                result = self._emit_steps(builder, producer, known)
                words = [self._emit_steps(builder, call, {**known, data: result}) for call in calls]
                output = builder.emit_output(
                    relax.Tuple([result, *words]) if keeps_data else words[0]
                )
            builder.emit_func_output(output)
        callee = producer.op if self._group(producer) is not None else producer.args[0]
        name = self.builder_.add_func(builder.get()["merged"], f"{callee.name_hint}_{PACKING}")
        return relax.Call(name, [self.visit_expr(argument) for argument in arguments])

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
