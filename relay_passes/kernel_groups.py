"""Groups of kernels that FuseOps made, and more kernels that join them.

FuseOps ends a group before a kernel that is not elementwise. What reads the result of a group
place by place, or nearly so, may belong into it nevertheless: see `fuse_packing` and
`fuse_pooling`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import tvm
import tvm_ffi
from tvm import relax

from ..schedules.emit import FUSES_ELEMENTWISE_EPILOGUE
from .layers import operator_name, var_bindings
from .trace_kernels import CALL_TIR

Substitution = Mapping[relax.Expr, relax.Expr]


class KernelGroups:
    """The calls in the `main` of a module: of groups, or of single primitive functions."""

    def __init__(self, module: tvm.IRModule) -> None:
        """Look at what `main` calls."""
        self._module = module
        self.bindings = {binding.var: binding.value for binding in var_bindings(module["main"])}
        self.uses = count_uses(module["main"])

    def group(self, call: relax.Expr | None) -> relax.Function | None:
        """Return the group that an expression calls, None when it calls none."""
        called = call.op if isinstance(call, relax.Call) else None
        return self._module[called] if isinstance(called, tvm.ir.GlobalVar) else None

    def kernels(self, call: relax.Expr) -> list[relax.Call]:
        """Return the calls of primitive functions that a call makes, in order."""
        group = self.group(call)
        steps = [call] if group is None else [step.value for step in var_bindings(group)]
        return [step for step in steps if operator_name(step) == CALL_TIR]

    def primitive(self, kernel: relax.Call) -> tvm.tirx.PrimFunc:
        """Return the primitive function that a kernel's call calls."""
        return self._module[kernel.args[0]]

    def takes_epilogue(self, call: relax.Expr | None) -> bool:
        """Return whether a call is of a kernel, or group, that others may join behind."""
        if self.group(call) is not None:
            return True
        if operator_name(call) != CALL_TIR:
            return False
        pattern = self.primitive(call).attrs.get("op_pattern", 0)
        return int(pattern) == FUSES_ELEMENTWISE_EPILOGUE

    def merged(
        self, data: relax.Var, readers: Sequence[relax.Var], *, keeps_data: bool
    ) -> tuple[relax.Function, list[relax.Expr]]:
        """Return a function that computes `data` and what reads it, and its arguments.

        Its result is that of the first reader, or a tuple of `data` and each reader's.
        """
        calls = [self.bindings[var] for var in (data, *readers)]
        read = dict.fromkeys(argument for call in calls for argument in arguments_of(call))
        # TVM may hand out another Python object for the same variable.
        arguments = [argument for argument in read if argument != data]
        params = [relax.Var(f"param_{i}", arg.ty) for i, arg in enumerate(arguments)]
        known = dict(zip(arguments, params, strict=True))
        builder = relax.BlockBuilder()
        with builder.function("merged", params, {"Primitive": 1}, private=True):
            with builder.dataflow():
                result = self._emit_steps(builder, calls[0], known)
                inside = {**known, data: result}
                others = [self._emit_steps(builder, call, inside) for call in calls[1:]]
                output = builder.emit_output(
                    relax.Tuple([result, *others]) if keeps_data else others[0]
                )
            builder.emit_func_output(output)
        return builder.get()["merged"], arguments

    def name(self, call: relax.Call) -> str:
        """Return the name of the group or kernel that is called."""
        callee = call.op if self.group(call) is not None else call.args[0]
        return str(callee.name_hint)

    def _emit_steps(
        self, builder: relax.BlockBuilder, call: relax.Call, known: Substitution
    ) -> relax.Var:
        group = self.group(call)
        if group is None:
            return builder.emit(_substitute(call, known))
        inside = {
            param: known[argument] for param, argument in zip(group.params, call.args, strict=True)
        }
        for binding in var_bindings(group):
            inside[binding.var] = builder.emit(_substitute(binding.value, inside))
        return inside[group.body.body]


def arguments_of(call: relax.Call) -> Sequence[relax.Expr]:
    """Return what the kernel or group that is called reads."""
    return call.args[1].fields if operator_name(call) == CALL_TIR else call.args


def count_uses(function: relax.Function) -> Counter[relax.Expr]:
    """Count how often each variable of a function is read."""
    uses: Counter[relax.Expr] = Counter()
    values = [binding.value for binding in var_bindings(function)]
    for value in [*values, function.body.body]:
        tvm_ffi.structural_walk(value, (relax.Var, lambda var: uses.update([var])))
    return uses


def _substitute(expr: relax.Expr, known: Substitution) -> relax.Expr:
    return tvm_ffi.structural_map(expr, (relax.Var, lambda var: known.get(var, var)), order="post")
