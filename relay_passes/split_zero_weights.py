"""Write weights of -1, 0 and +1 as the mean of two that are -1 and +1.

The sign of 0 is 0, so that a binary layer whose latent weights happen to hold a zero has it among
its signs; ternary layers have many. Such an output is computed twice, with +1 and with -1 in the
place of its zeros, and the mean of the two taken: what is zero cancels. All weights are +1 and -1
then, and the layer is binary. Sums of signs and of levels stay exact.
"""

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from .factor_weight import STRAIGHT_THROUGH_TOLERANCE
from .layers import DENSE_OPERATOR, operator_name, var_bindings
from .level_values import find_levels
from .mutation import emit_named, mutate_main
from .sign_values import Bindings, is_sign_valued

_CONVOLUTION = "relax.nn.conv2d"


@tvm.transform.module_pass(opt_level=0, name="SplitZeroWeights")
class SplitZeroWeights:
    """Rewrite convolutions and dense layers on signs or levels, of one group, in `main`.

    The layer's variable keeps its name, and gains an output for each one that has zeros.
    """

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return mutate_main(module, _Splitter(module))


@mutator
class _Splitter(PyExprMutator):
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self._bindings: Bindings = {b.var: b.value for b in var_bindings(module["main"])}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        call = binding.value
        split = self._split(call) if isinstance(call, relax.Call) else None
        if split is None:
            super().visit_var_binding_(binding)
            return
        weight, partners = split
        data = self.visit_expr(call.args[0])
        wide = relax.Call(call.op, [data, relax.const(weight)], call.attrs)
        both = emit_named(self.builder_, str(binding.var.name), wide)
        mean = self._mean(both, partners, _channel_axis(call))
        self.set_var_remap(binding.var, emit_named(self.builder_, "mean", mean, type(binding.var)))

    def _split(self, call: relax.Call) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """Return the weights without zeros, and where each output's other half is."""
        axis = _output_axis(call)
        if axis is None or str(call.args[1].ty.dtype) != "float32":
            return None
        data = call.args[0]
        if not is_sign_valued(data, self._bindings) and find_levels(data, self._bindings) is None:
            return None
        weight = np.moveaxis(call.args[1].value.numpy(), axis, 0)
        halves = without_zeros(weight)
        return None if halves is None else (np.moveaxis(halves[0], 0, axis).copy(), halves[1])

    def _mean(self, both: relax.Var, partners: NDArray[np.int64], axis: int) -> relax.Expr:
        first = self.builder_.emit(relax.op.strided_slice(both, [axis], [0], [len(partners)]))
        other = self.builder_.emit(relax.op.take(both, relax.const(partners), axis, mode="clip"))
        total = self.builder_.emit(relax.op.add(first, other))
        return relax.op.multiply(total, relax.const(np.float32(0.5)))


def without_zeros(
    weight: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
    """Return weights (O + E, ...) without zeros whose means in pairs are the weights (O, ...).

    E outputs have zeros, and nothing else that is smaller than their scale. The second result is
    (O,): output o is the mean of the rows o and partners[o], which are one where it has no zeros.
    None where there is no such output, or one with weights of several sizes.
    """
    flat = weight.reshape(len(weight), -1)
    mixed = (flat == 0).any(axis=1) & (flat != 0).any(axis=1)
    if not mixed.any():
        return None
    sizes = np.abs(flat)
    scale = sizes.max(axis=1, keepdims=True)
    deviating = (sizes > 0) & (np.abs(sizes - scale) > 2 * STRAIGHT_THROUGH_TOLERANCE * scale)
    if deviating.any():
        return None
    upper, lower = (np.where(mixed[:, None] & (flat == 0), s * scale, flat) for s in (1, -1))
    halves = np.concatenate([upper, lower[mixed]]).reshape(-1, *weight.shape[1:])
    partners = np.arange(len(weight))
    partners[mixed] = len(weight) + np.arange(mixed.sum())
    return halves, partners


def _output_axis(call: relax.Call) -> int | None:
    """Return the axis of the outputs in a layer's constant weight, or None for anything else."""
    name = operator_name(call)
    if name not in (_CONVOLUTION, DENSE_OPERATOR):
        return None
    weight = call.args[1]
    if not isinstance(weight, tvm.ir.GenericConst):
        return None
    if name == DENSE_OPERATOR:
        return 1 if len(weight.ty.shape.values) == 2 else None
    return str(call.attrs.kernel_layout).index("O") if int(call.attrs.groups) == 1 else None


def _channel_axis(call: relax.Call) -> int:
    """Return the axis of the outputs in a layer's result."""
    if operator_name(call) == DENSE_OPERATOR:
        return len(call.ty.shape.values) - 1
    return str(call.attrs.out_layout or call.attrs.data_layout).index("C")
