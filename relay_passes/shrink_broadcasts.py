"""Keep constants as small as broadcasting allows.

Exporters expand a learned bias to the size of the activation (`expand_as`), as `broadcast_to` or
folded into a full (N, C, H, W) constant. An elementwise operator broadcasts by itself.
"""

from collections.abc import Sequence

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..ops import static_shape
from .layers import operator_name
from .mutation import mutate_main

BROADCASTING = frozenset(
    f"relax.{name}"
    for name in (
        "add",
        "subtract",
        "multiply",
        "divide",
        "power",
        "maximum",
        "minimum",
        "greater",
        "greater_equal",
        "less",
        "less_equal",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
        "where",
    )
)


@tvm.transform.module_pass(opt_level=0, name="ShrinkBroadcasts")
class ShrinkBroadcasts:
    """Feed broadcasting operators the small form of a tensor that was expanded for them.

    `broadcast_to(c)` becomes `c`, and a constant that repeats along an axis loses that axis
    ((N, C, H, W) becomes (1, C, 1, 1)), wherever the result keeps its shape because another
    argument still has the full extent. Other users of the expanded tensor see no change.
    """

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return _Shrinker.run(module)


@mutator
class _Shrinker(PyExprMutator):
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self._shrunk: dict[tvm.ir.GenericConst, relax.Expr] = {}

    @staticmethod
    def run(module: tvm.IRModule) -> tvm.IRModule:
        return mutate_main(module, _Shrinker(module))

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        visited = super().visit_call_(call)
        if operator_name(visited) not in BROADCASTING:
            return visited
        arguments = list(visited.args)
        shape = static_shape(call.ty)
        if shape is None:
            return visited
        for position, argument in enumerate(arguments):
            small = self._small(argument)
            others = arguments[:position] + arguments[position + 1 :]
            if small is not argument and _broadcast_shape([small, *others]) == shape:
                arguments[position] = small
        if all(new is old for new, old in zip(arguments, visited.args, strict=True)):
            return visited
        return relax.Call(visited.op, arguments, visited.attrs, visited.ty_args)

    def _small(self, expr: relax.Expr) -> relax.Expr:
        """Return what `expr` is a broadcast of, or `expr` itself."""
        if isinstance(expr, relax.Var):
            bound = self.lookup_binding(expr)
            if bound is not None and operator_name(bound) == "relax.broadcast_to":
                return self._small(bound.args[0])
        if isinstance(expr, tvm.ir.GenericConst):
            return self._small_constant(expr)
        return expr

    def _small_constant(self, constant: tvm.ir.GenericConst) -> relax.Expr:
        if constant not in self._shrunk:
            array = constant.value.numpy()
            small = drop_repeats(array)
            same = small.shape == array.shape
            self._shrunk[constant] = constant if same else relax.const(small, str(small.dtype))
        return self._shrunk[constant]


def drop_repeats(array: NDArray) -> NDArray:
    """Return the array with every axis along which it repeats cut down to extent 1."""
    for axis, extent in enumerate(array.shape):
        first = array.take([0], axis) if extent > 1 else array
        if extent > 1 and _same_bits(array, first):
            array = first
    return array


def _same_bits(array: NDArray, first: NDArray) -> bool:
    """Compare bit for bit: 0.0 and -0.0 differ, a NaN equals itself."""
    if array.dtype.kind == "f":
        bits = np.dtype(f"u{array.dtype.itemsize}")
        array, first = np.ascontiguousarray(array).view(bits), first.view(bits)
    return bool((array == first).all())


def _broadcast_shape(arguments: Sequence[relax.Expr]) -> tuple[int, ...] | None:
    shapes = [static_shape(argument.ty) for argument in arguments]
    known = [shape for shape in shapes if shape is not None]
    return np.broadcast_shapes(*known) if len(known) == len(shapes) else None
