"""Read the parts of a split tensor by slices: split(x)[i] becomes strided_slice(x).

A slice is one tensor and no tuple: it is turned channels-last as elementwise operators are, and is
computed inside the kernel that reads it.
"""

from itertools import pairwise

import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..ops import static_shape
from .layers import operator_name, var_bindings
from .mutation import mutate_main

_SPLIT = "relax.split"


@tvm.transform.module_pass(opt_level=0, name="SliceSplits")
class SliceSplits:
    """Rewrite what takes a part of a split in `main`; layers keep their names."""

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return relax.transform.DeadCodeElimination()(mutate_main(module, _Slicer(module)))


@mutator
class _Slicer(PyExprMutator):
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self._splits = {
            binding.var: binding.value
            for binding in var_bindings(module["main"])
            if operator_name(binding.value) == _SPLIT
        }

    def visit_tuple_getitem_(self, item: relax.TupleGetItem) -> relax.Expr:
        split = self._splits.get(item.tuple_value)
        bounds = _bounds(split) if split is not None else None
        if split is None or bounds is None:
            return super().visit_tuple_getitem_(item)
        start, end = bounds[item.index]
        data = self.visit_expr(split.args[0])
        return relax.op.strided_slice(data, [int(split.attrs.axis)], [start], [end])


def _bounds(split: relax.Call) -> list[tuple[int, int]] | None:
    """Where each part of a split starts and ends; None where the size is not known."""
    shape = static_shape(split.args[0].ty)
    if shape is None:
        return None
    size = shape[int(split.attrs.axis)]
    sections = split.attrs.indices_or_sections
    if isinstance(sections, tvm.tirx.IntImm):
        length = -(-size // int(sections))
        inner = list(range(length, size, length))
    else:
        inner = [int(index) for index in sections]
    return list(pairwise([0, *inner, size]))
