"""Let a convolution pool its own result.

What a stem computes is often larger than the second-level cache, and a quarter of it is left after
pooling. In the same group, the rows of the convolution are pooled as soon as they are there (see
`schedules.rolling_rows`) and never reach memory. What follows the convolution, and what follows
the pooling, has joined either's group before.
"""

from math import prod

import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator
from tvm.target import Target

from ..schedules.dense_float.blocking import FLOAT_BYTES
from ..schedules.rolling_rows import feeds_rows, reads_windows
from ..schedules.shapes import shape_of
from ..target import features_of
from .kernel_groups import KernelGroups, arguments_of, count_uses
from .mutation import mutate_main

_WORTH_ROLLING = 1 << 18
"""Bytes of an image below which it may as well lie in the second-level cache as a whole."""


@tvm.transform.module_pass(opt_level=0, name="FusePooling")
class FusePooling:
    """Merge pooling into the group whose large result it pools. Runs after FusePacking.

    Where it saves time was measured on x86; for other targets in scope nothing is changed.
    """

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        if features_of(Target.current()).architecture != "x86_64":
            return module
        return relax.transform.DeadCodeElimination()(mutate_main(module, _Merger(module)))


@mutator
class _Merger(PyExprMutator):
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self._groups = KernelGroups(module)
        found = {var: self._pooled(value) for var, value in self._groups.bindings.items()}
        self._data = {var: data for var, data in found.items() if data is not None}
        self._inside = set(self._data.values())

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        data = self._data.get(binding.var)
        if data is not None:
            leaves = not isinstance(binding.var, relax.DataflowVar)
            emit = self.builder_.emit_output if leaves else self.builder_.emit
            self.set_var_remap(binding.var, emit(self._merged(data, binding.var)))
        elif binding.var not in self._inside:
            super().visit_var_binding_(binding)

    def _pooled(self, value: relax.Expr) -> relax.Var | None:
        """Return the result that a call pools, where what computes it should pool it itself."""
        kernels, bindings = self._groups.kernels(value), self._groups.bindings
        if not kernels or not reads_windows(self._groups.primitive(kernels[0])):
            return None
        data = self._read(value, kernels[0])
        if not isinstance(data, relax.DataflowVar) or self._groups.uses[data] != 1:
            return None
        image = prod(shape_of(data)[1:]) * FLOAT_BYTES
        if image < _WORTH_ROLLING or not self._groups.takes_epilogue(bindings.get(data)):
            return None
        convolution = self._groups.kernels(bindings[data])[0]
        return data if feeds_rows(self._groups.primitive(convolution)) else None

    def _read(self, call: relax.Call, pooling: relax.Call) -> relax.Expr | None:
        """Return what the first kernel of a call reads, None where more of the call does."""
        (data,) = arguments_of(pooling)
        group = self._groups.group(call)
        if group is None:
            return data
        arguments = dict(zip(group.params, call.args, strict=True))
        return arguments.get(data) if count_uses(group)[data] == 1 else None

    def _merged(self, data: relax.Var, pooled: relax.Var) -> relax.Call:
        """Return a call of the function that computes `data` and pools it."""
        function, arguments = self._groups.merged(data, [pooled], keeps_data=False)
        names = [self._groups.name(self._groups.bindings[var]) for var in (data, pooled)]
        added = self.builder_.add_func(function, "_".join(names))
        return relax.Call(added, [self.visit_expr(argument) for argument in arguments])
