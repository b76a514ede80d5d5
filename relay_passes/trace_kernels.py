"""Which tensors of the network does each kernel of the compiled network produce?

Fusion puts several operators into one kernel and gives the results new names. Verification and
profiling need the way back: the kernels in order of execution, each with the variables of the
network that it computes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import tvm
from tvm import relax

from .layers import operator_name, var_bindings

ACCELERATE = "tvm_snn.accelerate"
"""Packed function that runs a region on the accelerator: its number, its image, its results."""

CALL_DPS_PACKED = "relax.call_dps_packed"
"""Operator that calls a packed function which writes its results in place."""

CALL_TIR = "relax.call_tir"
"""Operator that calls a primitive function."""


@dataclass(frozen=True)
class Kernel:
    """One kernel call of the compiled network."""

    function: str
    """Name of the function in the library."""
    outputs: tuple[str, ...]
    """Variables of the network that the call produces, in the order of its output buffers. A
    variable that is itself a tuple stands for as many buffers as it has fields."""
    computes: tuple[str, ...]
    """Every variable of the network that is computed inside, the outputs included."""


def trace_kernels(legalized: tvm.IRModule, fused: tvm.IRModule) -> tuple[Kernel, ...]:
    """Match the kernel calls of `fused` (after FuseOps) with the bindings of `legalized`.

    Both `main`s call the same primitive functions; a call is recognized by the function and by
    what its arguments are in `legalized`, which is known when the calls are visited in order.
    """
    return tuple(_Tracer(legalized, fused).kernels())


class _Tracer:
    def __init__(self, legalized: tvm.IRModule, fused: tvm.IRModule) -> None:
        self._fused = fused
        # What each variable is in `legalized`: one variable, or a tuple built inside a kernel.
        self._origin: dict[relax.Var, relax.Var | tuple[relax.Var, ...]] = {}
        self._producers: dict[tuple, relax.Var] = {}
        mains = legalized["main"], fused["main"]
        for binding in var_bindings(mains[0]):
            if isinstance(binding.value, relax.Var):
                self._origin[binding.var] = self._resolve(binding.value)
            else:
                self._producers.setdefault(self._key(binding.value), binding.var)
        self._origin.update(zip(mains[1].params, mains[0].params, strict=True))

    def kernels(self) -> Iterator[Kernel]:
        for binding in var_bindings(self._fused["main"]):
            called = binding.value.op if isinstance(binding.value, relax.Call) else None
            if isinstance(called, tvm.ir.GlobalVar):
                yield self._trace_group(binding.var, binding.value)
                continue
            self._follow(binding)
            if operator_name(binding.value) == CALL_TIR:
                yield self._kernel(binding.var, binding.value.args[0].name_hint)
            elif operator_name(binding.value) == CALL_DPS_PACKED:
                yield self._kernel(binding.var, binding.value.args[0].global_symbol)

    def _kernel(self, var: relax.Var, function: object) -> Kernel:
        names = self._names(var)
        return Kernel(str(function), names, names)

    def _trace_group(self, var: relax.Var, call: relax.Call) -> Kernel:
        group = self._fused[call.op]
        for param, argument in zip(group.params, call.args, strict=True):
            self._origin[param] = self._resolve(argument)
        computed: list[str] = []
        for binding in var_bindings(group):
            self._follow(binding)
            if isinstance(binding.value, relax.Call):
                computed.extend(self._names(binding.var))
        self._origin[var] = self._resolve(group.body.body)
        return Kernel(str(call.op.name_hint), self._names(var), tuple(computed))

    def _follow(self, binding: relax.VarBinding) -> None:
        """Record what a variable of `fused` is in `legalized`."""
        value = binding.value
        if isinstance(value, relax.Var):
            self._origin[binding.var] = self._resolve(value)
        elif isinstance(value, relax.Tuple):
            self._origin[binding.var] = tuple(self._resolve(field) for field in value.fields)
        elif isinstance(value, relax.TupleGetItem) and isinstance(
            fields := self._resolve(value.tuple_value), tuple
        ):
            self._origin[binding.var] = fields[value.index]
        else:
            self._origin[binding.var] = self._producers[self._key(value)]

    def _resolve(self, var: relax.Var) -> relax.Var | tuple[relax.Var, ...]:
        return self._origin.get(var, var)

    def _names(self, var: relax.Var) -> tuple[str, ...]:
        origin = self._resolve(var)
        return tuple(str(v.name) for v in (origin if isinstance(origin, tuple) else (origin,)))

    def _key(self, expr: relax.Expr) -> tuple:
        """Return what identifies a computation: the function called and the values it reads."""
        if isinstance(expr, relax.Var):
            origin = self._resolve(expr)
            # A scalar constant is an argument of the group that it is fused into.
            constant = isinstance(origin, tvm.ir.GenericConst)
            return self._key(origin) if constant else ("variable", origin)
        if isinstance(expr, relax.Call):
            return ("call", *map(self._key, [expr.op, *expr.args]))
        if isinstance(expr, relax.Tuple):
            return ("tuple", *map(self._key, expr.fields))
        if isinstance(expr, relax.TupleGetItem):
            return ("item", self._key(expr.tuple_value), int(expr.index))
        if isinstance(expr, tvm.ir.GlobalVar):
            return ("function", str(expr.name_hint))
        if isinstance(expr, tvm.ir.GenericConst):
            return ("constant", str(expr.ty), expr.value.numpy().tobytes())
        return ("other", str(expr))
