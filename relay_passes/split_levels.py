"""Compute binary convolutions on few-bit levels bit by bit: each bit is an image of signs.

    sum_c W * x = sum_b 2^b * sum_c W * x_b,   x_b the bit b of x, 0 or 1
Signs may be 0 and +1, so that what computes a W1A1 layer computes all bits at once, as images of
one batch. A sub-bit convolution needs no such thing: it adds levels as fast as bits.
"""

from collections.abc import Sequence

import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..ops import ACCELERATOR, binary_conv2d, static_shape
from ..ops.levels import LEVELS, TOP_LEVEL, top_level
from ..tvm_api import attrs_dict, make_attrs
from .layers import operator_name
from .mutation import emit_named, mutate_main

_MOST_BITS = 3
"""Bits of levels that are split: with four, counting bits takes about as long as multiplying floats
does (measured with AVX2 and AVX-512)."""


@tvm.transform.module_pass(opt_level=0, name="SplitLevels")
class SplitLevels:
    """Rewrite the processor's binary convolutions of `main` that read levels of up to 3 bits.

    Names stay.
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
        self._split: dict[tuple[relax.Expr, int], relax.Var] = {}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        call = binding.value
        bits = _bits(call)
        if bits is None:
            super().visit_var_binding_(binding)
            return
        attrs = {name: value for name, value in attrs_dict(call).items() if name != TOP_LEVEL}
        image = self._bit_images(call.args[0], bits)
        signed = relax.Call(call.op, [image, self.visit_expr(call.args[1])], make_attrs(**attrs))
        sums = emit_named(self.builder_, str(binding.var.name), signed)
        self.set_var_remap(binding.var, self._joined(sums, bits))

    def _bit_images(self, data: relax.Expr, bits: int) -> relax.Var:
        """Return the bits of levels, lowest first, as signs int8 of `bits` times the images.

        They are made once for all layers that read them.
        """
        if (data, bits) not in self._split:
            levels = self.visit_expr(data)
            one = relax.const(1, LEVELS)
            images = []
            for bit in range(bits):
                moved = levels
                if bit:
                    moved = self._emit(relax.op.right_shift(levels, relax.const(bit, LEVELS)))
                images.append(
                    self._emit(
                        relax.op.astype(self._emit(relax.op.bitwise_and(moved, one)), "int8")
                    )
                )
            self._split[data, bits] = self._emit(relax.op.concat(images, 0))
        return self._split[data, bits]

    def _joined(self, sums: relax.Var, bits: int) -> relax.Var:
        """Return the sums of levels from those of their bits."""
        batch = (static_shape(sums.ty) or ())[0] // bits
        parts: Sequence[relax.Var] = [
            self._emit(relax.op.strided_slice(sums, [0], [bit * batch], [(bit + 1) * batch]))
            for bit in range(bits)
        ]
        total = parts[0]
        for bit, part in enumerate(parts[1:], 1):
            weighted = self._emit(relax.op.multiply(part, relax.const(1 << bit, "int32")))
            total = self._emit(relax.op.add(total, weighted))
        return total

    def _emit(self, value: relax.Expr) -> relax.Var:
        return self.builder_.emit(value)


def _bits(call: relax.Expr) -> int | None:
    """Return the bits of the levels that a convolution to split reads, None for anything else."""
    if operator_name(call) != binary_conv2d.name or str(call.args[0].ty.dtype) != LEVELS:
        return None
    attrs = attrs_dict(call)
    if attrs.get("strategy") == ACCELERATOR:
        return None
    bits = top_level(attrs).bit_length()
    return bits if bits <= _MOST_BITS else None
