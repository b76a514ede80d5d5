"""Indices that count from the end.

Frameworks read index -1 as the last element; TVM's kernel for `take` reads what lies before the
tensor. So they are counted from the start on the way in.
"""

import numpy as np
import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..ops import static_shape
from ..relay_passes.layers import operator_name, var_bindings
from ..relay_passes.mutation import mutate_main


def wrap_negative_indices(module: tvm.IRModule) -> tvm.IRModule:
    """Return the module with every index of `take` in `main` counted from the start.

    Constant indices are rewritten; computed ones are compared with zero, unless unsigned. A take
    whose mode says what becomes of negative indices ("clip", "wrap") is left alone.
    """
    if not any(_needs_wrapping(binding.value) for binding in var_bindings(module["main"])):
        return module
    return mutate_main(module, _Wrapper(module))


def wrapped(builder: relax.BlockBuilder, index: relax.Expr, size: int) -> relax.Expr:
    """Return an index into an axis of `size` elements with negative values counted from the end."""
    dtype = str(index.ty.dtype)
    if isinstance(index, tvm.ir.GenericConst):
        array = index.value.numpy()
        return relax.const(np.where(array < 0, array + size, array).astype(dtype), dtype)
    negative = builder.emit(relax.op.less(index, relax.const(0, dtype)))
    from_end = builder.emit(relax.op.add(index, relax.const(size, dtype)))
    return builder.emit(relax.op.where(negative, from_end, index))


def _needs_wrapping(call: relax.Expr) -> bool:
    if operator_name(call) != "relax.take" or str(call.attrs.mode) != "fast":
        return False
    index = call.args[1]
    if not isinstance(index.ty, relax.TensorType) or str(index.ty.dtype).startswith("uint"):
        return False
    if isinstance(index, tvm.ir.GenericConst):
        return bool((index.value.numpy() < 0).any())
    return static_shape(call.args[0].ty) is not None


@mutator
class _Wrapper(PyExprMutator):
    def visit_call_(self, call: relax.Call) -> relax.Expr:
        visited = super().visit_call_(call)
        if not _needs_wrapping(visited):
            return visited
        data, index = visited.args[:2]
        shape = static_shape(data.ty) or ()
        axis = visited.attrs.axis
        size = shape[0 if axis is None else int(axis)]
        return relax.op.take(data, wrapped(self.builder_, index, size), axis, "fast")
