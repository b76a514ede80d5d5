"""Write BatchNorm with constant statistics as `x * alpha + beta`."""

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..errors import ModelError
from .layers import operator_name
from .mutation import mutate_main


@tvm.transform.module_pass(opt_level=0, name="DecomposeBatchNorm")
class DecomposeBatchNorm:
    """Replace each `R.nn.batch_norm` of constant statistics by a multiply and an add a channel.

    alpha = gamma / sqrt(var + eps) and beta' = beta - mean * alpha, rounded as PyTorch's CPU
    kernel rounds them (batch_norm_cpu_collect_linear_and_constant_terms in ATen). BatchNorm in
    training mode, or with statistics that are computed, stays as it is.
    """

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return _Decomposer.run(module)


@mutator
class _Decomposer(PyExprMutator):
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        # Variables of batch_norm's tuple, and the affine form of its first field.
        self._decomposed: dict[relax.Var, relax.Expr] = {}

    @staticmethod
    def run(module: tvm.IRModule) -> tvm.IRModule:
        return mutate_main(module, _Decomposer(module))

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        if operator_name(binding.value) == "relax.nn.batch_norm":
            affine = self._affine(self.visit_expr(binding.value))
            if affine is not None:
                self._decomposed[binding.var] = affine
        super().visit_var_binding_(binding)

    def visit_tuple_getitem_(self, item: relax.TupleGetItem) -> relax.Expr:
        affine = self._decomposed.get(item.tuple_value)
        if affine is not None and item.index == 0:
            return affine
        return super().visit_tuple_getitem_(item)

    def _affine(self, call: relax.Call) -> relax.Expr | None:
        data, *statistics = call.args
        if call.attrs.training or not all(_is_float32(constant) for constant in statistics):
            return None
        gamma, beta, mean, variance = (constant.value.numpy() for constant in statistics)
        if not call.attrs.scale:
            gamma = np.ones_like(variance)
        if not call.attrs.center:
            beta = np.zeros_like(mean)
        alpha, offset = affine_terms(gamma, beta, mean, variance, float(call.attrs.epsilon))
        dims = len(data.ty.shape.values)
        shape = [1] * dims
        shape[int(call.attrs.axis) % dims] = -1
        scaled = self.builder_.emit(relax.op.multiply(data, relax.const(alpha.reshape(shape))))
        return relax.op.add(scaled, relax.const(offset.reshape(shape)))


def affine_terms(
    gamma: NDArray[np.float32],
    beta: NDArray[np.float32],
    mean: NDArray[np.float32],
    variance: NDArray[np.float32],
    epsilon: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return alpha and beta' (C,) of `x * alpha + beta'` in float32.

    Every step is rounded to float32, but for `beta - mean * alpha`: PyTorch fuses it. Raises
    ModelError when a variance is negative.
    """
    if (variance + np.float32(epsilon) < 0).any():
        channel = int(variance.argmin())
        raise ModelError(
            f"A BatchNorm has the variance {variance[channel]} at channel {channel}; variances are "
            "0 or more. Its statistics are damaged: load or calibrate them again."
        )
    inverse_deviation = np.float32(1) / np.sqrt(variance + np.float32(epsilon))
    alpha = inverse_deviation * gamma
    # The product of two float32 is exact in float64, so this rounds once, as fma does.
    offset = beta.astype(np.float64) - mean.astype(np.float64) * alpha
    return alpha, offset.astype(np.float32)


def _is_float32(expr: relax.Expr) -> bool:
    return isinstance(expr, tvm.ir.GenericConst) and str(expr.ty.dtype) == "float32"
