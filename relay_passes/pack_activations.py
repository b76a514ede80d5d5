"""Let binary convolutions read packed signs: one bit an activation in the place of a byte.

astype(sign(x), "int8") -> conv      becomes      pack_signs(x) -> conv
"""

from collections.abc import Mapping

import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..ops import ACCELERATOR, LAYERS, pack_signs, static_shape
from ..ops.packed_signs import WORD_BITS
from ..tvm_api import attrs_dict
from .layers import operator_name, var_bindings
from .mutation import mutate_main

_FEWEST_CHANNELS = WORD_BITS // 4
"""Channels a group has at least: each group has words of its own, and fewer bits leave them so
empty that bytes are better."""


@tvm.transform.module_pass(opt_level=0, name="PackActivations")
class PackActivations:
    """Rewrite the channels-last binary convolutions of `main`; layers keep their names.

    Each image is packed once for all its readers. Convolutions of many small groups keep int8
    signs.
    """

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return relax.transform.DeadCodeElimination()(mutate_main(module, _Packer(module)))


@mutator
class _Packer(PyExprMutator):
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self._bindings = {binding.var: binding.value for binding in var_bindings(module["main"])}
        self._packed: dict[tuple[relax.Expr, int], relax.Var] = {}

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        groups = _packable_groups(call)
        if groups is None:
            return super().visit_call_(call)
        image = signed_image(call.args[0], self._bindings)
        if (image, groups) not in self._packed:
            words = pack_signs(self.visit_expr(image), groups=groups)
            self._packed[image, groups] = self.builder_.emit(words)
        weights = [self.visit_expr(weight) for weight in call.args[1:]]
        return relax.Call(call.op, [self._packed[image, groups], *weights], call.attrs)


def signed_image(data: relax.Expr, bindings: Mapping[relax.Expr, relax.Expr]) -> relax.Expr:
    """Return the float32 image whose signs `data` are, or `data` where they come otherwise."""
    cast = bindings.get(data)
    if cast is None or operator_name(cast) != "relax.astype":
        return data
    sign = bindings.get(cast.args[0])
    if sign is None or operator_name(sign) != "relax.sign":
        return data
    image = sign.args[0]
    return image if isinstance(image, relax.Var) and str(image.ty.dtype) == "float32" else data


def _packable_groups(call: relax.Call) -> int | None:
    """Return the groups of a convolution that is to read packed signs, None for other calls."""
    if operator_name(call) not in LAYERS:
        return None
    attrs = attrs_dict(call)
    shape = static_shape(call.args[0].ty)
    if attrs.get("strategy") == ACCELERATOR:
        return None
    if attrs.get("data_layout") != "NHWC" or shape is None or str(call.args[0].ty.dtype) != "int8":
        return None
    groups = int(attrs["groups"])
    return groups if groups == 1 or shape[3] // groups >= _FEWEST_CHANNELS else None
