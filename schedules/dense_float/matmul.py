"""Products with a matrix of weights, as convolutions of one tap: rows are pixels.

The weights are packed when the network is loaded, so that the kernel reads them as one stream;
with one row of data there is nothing else to wait for.
"""

from math import prod

from tvm import relax, te, tirx
from tvm.ir import Expr

from ...ops import ConvGeometry, static_shape
from ...target import Features
from ..emit import emit_kernel, emit_packing
from ..planes import convolution
from ..shapes import shape_of
from .blocking import blocking_of
from .direct_conv import DirectConvolution, pack_blocks

_FORWARDERS = 3
"""Steps, at most, from a parameter to the matrix that is made of it: transposed, cast, reshaped."""


def legalize_matmul(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit `relax.matmul` of float32 rows and a matrix of weights; the rest is left to TVM."""
    data, weight = call.args
    covered = (
        all(
            str(argument.ty.dtype) == "float32" and static_shape(argument.ty) is not None
            for argument in (data, weight)
        )
        and len(shape_of(weight)) == 2
        and len(shape_of(data)) >= 2
        and min(*shape_of(data), *shape_of(weight)) > 0
        and call.attrs.out_dtype in (None, "", "float32")
        and _is_weight(bb, weight)
    )
    if not covered:
        return call.op.get_attr("FLegalize")(bb, call)
    return emit_product(bb, "matmul", data, weight, "IO", features)


def emit_product(
    bb: relax.BlockBuilder,
    name: str,
    data: relax.Expr,
    weight: relax.Expr,
    layout: str,
    features: Features,
) -> relax.Call:
    """Return the product of data (..., I) and weights in the layout "IO" or "OI".

    The result is float32, or int32 when the data are int8 signs.
    """
    *leading, inputs = shape_of(data)
    outputs = dict(zip(layout, shape_of(weight), strict=True))["O"]
    rows = prod(leading)
    conv = convolution((1, inputs, 1, rows), outputs, (1, 1), ConvGeometry(data_layout="NHWC"))
    blocking = blocking_of(conv, features, {})
    core = DirectConvolution(conv, blocking)
    packed = emit_packing(bb, pack_blocks, weight, layout=layout, groups=1, block=blocking.block)
    dtype = "float32" if str(data.ty.dtype) == "float32" else "int32"

    def compute(data: te.Tensor, weights: te.Tensor) -> te.Tensor:
        image = te.compute(
            (1, 1, rows, inputs),
            lambda _n, _y, row, i: data(*_unravel(row, leading), i).astype("float32"),
            name="rows",
        )
        result = core.compute(name, image, weights)
        shape = [tirx.IntImm("int64", size) for size in (*leading, outputs)]
        return te.compute(
            shape,
            lambda *index: result[0, 0, _ravel(index[:-1], leading), index[-1]].astype(dtype),
            name="product",
        )

    return emit_kernel(bb, name, compute, data, packed)


def _is_weight(bb: relax.BlockBuilder, expr: relax.Expr) -> bool:
    """Whether a matrix is a parameter but for its form; what is computed is not worth packing."""
    for _ in range(_FORWARDERS + 1):
        if not isinstance(expr, relax.Var):
            return True
        value = bb.lookup_binding(expr)
        if value is None:
            return True
        if not isinstance(value, relax.Call):
            return False
        arguments = value.args[1].fields if len(value.args) == 2 else value.args[:1]
        if len(arguments) != 1:
            return False
        expr = arguments[0]
    return False


def _unravel(row: Expr, leading: list[int]) -> list[Expr]:
    index: list[Expr] = []
    for size in reversed(leading):
        index.insert(0, row % size)
        row = row // size
    return index


def _ravel(index: tuple[Expr, ...], leading: list[int]) -> Expr | int:
    row: Expr | int = 0
    for position, size in zip(index, leading, strict=True):
        row = row * size + position
    return row
