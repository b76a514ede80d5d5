"""Let a kernel pack the signs of its own result.

FuseOps ends a convolution's group before an operator that is not elementwise. Packing is none, yet
it reads each element once: in the same group, a result that nobody else reads never reaches memory
as floats. A result with other readers, as in a residual network, is packed while it is in the
cache, and the kernel has several outputs.
"""

from collections import defaultdict
from collections.abc import Sequence

import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..schedules.pack_signs import NAME as PACKING
from .kernel_groups import KernelGroups, arguments_of
from .mutation import mutate_main


@tvm.transform.module_pass(opt_level=0, name="FusePacking")
class FusePacking:
    """Merge what packs signs into the group whose result it packs. Runs after FuseOps."""

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return relax.transform.DeadCodeElimination()(mutate_main(module, _Merger(module)))


@mutator
class _Merger(PyExprMutator):
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self._groups = KernelGroups(module)
        self._packings: dict[relax.Var, list[relax.Var]] = defaultdict(list)
        for var, value in self._groups.bindings.items():
            data = self._packed_result(value)
            if data is not None:
                self._packings[data].append(var)
        self._packed_apart = {var for packings in self._packings.values() for var in packings}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        packings = self._packings.get(binding.var, [])
        if packings and self._groups.uses[binding.var] > 1:
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
        kernels, bindings = self._groups.kernels(value), self._groups.bindings
        if not kernels or not str(kernels[-1].args[0].name_hint).startswith(PACKING):
            return None
        computed = [argument for argument in arguments_of(value) if argument in bindings]
        if len(computed) != 1 or not isinstance(computed[0], relax.DataflowVar):
            return None
        return computed[0] if self._groups.takes_epilogue(bindings[computed[0]]) else None

    def _merged(
        self, data: relax.Var, packings: Sequence[relax.Var], *, keeps_data: bool
    ) -> relax.Call:
        """Return a call of the function that computes `data` and packs it.

        Its result is the words, or a tuple of `data` and the words of each packing.
        """
        function, arguments = self._groups.merged(data, packings, keeps_data=keeps_data)
        name = self._groups.name(self._groups.bindings[data])
        added = self.builder_.add_func(function, f"{name}_{PACKING}")
        return relax.Call(added, [self.visit_expr(argument) for argument in arguments])
