"""Weights of +1 and -1 from whatever an operator stores them as.

The stages depend on weights only, so they run once, when a network is loaded.
"""

from tvm import relax, te
from tvm.ir import Expr

from .emit import emit_packing
from .shapes import shape_of

SUBSET_OPERATORS = ("snn.subset_conv2d", "snn.subset_dense")
DENSE_OPERATORS = ("snn.subset_dense", "snn.binary_dense")


def binary_weight(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
    """Return the weights of a call, int8 of +1 and -1: (O, C, kh, kw), dense (O, I)."""
    if call.op.name not in SUBSET_OPERATORS:
        return call.args[1]
    dense = call.op.name in DENSE_OPERATORS
    return emit_packing(bb, join_units, call.args[1], call.args[2], dense=dense)


def weight_shape(call: relax.Call) -> tuple[int, ...]:
    """Return the shape of the weights of a call: (O, C, kh, kw), dense (O, I)."""
    if call.op.name not in SUBSET_OPERATORS:
        return shape_of(call.args[1])
    _, unit, kh, kw = shape_of(call.args[1])
    outputs, units = shape_of(call.args[2])
    dense = call.op.name in DENSE_OPERATORS
    return (outputs, units * unit) if dense else (outputs, units * unit, kh, kw)


def join_units(subset: te.Tensor, indices: te.Tensor, dense: bool) -> te.Tensor:
    """Put weights together from a subset (K, g, kh, kw) and indices (O, C/g)."""
    _, unit, kh, kw = (int(size) for size in subset.shape)
    outputs, units = (int(size) for size in indices.shape)

    def weight(o: Expr, c: Expr, i: Expr | int, j: Expr | int) -> Expr:
        return subset[indices[o, c // unit].astype("int32"), c % unit, i, j]

    if dense:
        return te.compute(
            (outputs, units * unit), lambda o, c: weight(o, c, 0, 0), name="join_units"
        )
    return te.compute((outputs, units * unit, kh, kw), weight, name="join_units")
