"""Images channels last: what dense layers become, and the layouts that results are asked for in.

A dense layer is the convolution of an image of one row, whose pixels are its rows of data.
"""

from math import prod

from tvm import relax, te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ..ops import ConvGeometry
from .decode import weight_shape
from .planes import Convolution, convolution_of
from .shapes import shape_of

_POINT = (1, 1)


def as_convolution(call: relax.Call) -> Convolution:
    """Return the convolution that a call computes, a dense layer's among them."""
    shape = weight_shape(call)
    if len(shape) == 2:
        rows = prod(shape_of(call.args[0])[:-1])
        geometry = ConvGeometry(data_layout="NHWC")
        return Convolution(1, 1, shape[1], shape[0], 1, rows, _POINT, geometry)
    return convolution_of(call, shape[0], (shape[2], shape[3]))


def as_kernels(weight: te.Tensor) -> te.Tensor:
    """Return the weights of a dense layer (O, I) as kernels (O, I, 1, 1)."""
    return te.compute((*weight.shape, *_POINT), lambda o, i, _y, _x: weight[o, i], "as_kernels")


def rows_as_image(data: te.Tensor) -> te.Tensor:
    """Stage that makes an image (1, 1, rows, I) of the data (..., I) of a dense layer."""
    leading = [int(size) for size in data.shape[:-1]]

    def value(_n: Expr, _y: Expr, row: Expr, i: Expr) -> Expr:
        index: list[Expr] = []
        for size in reversed(leading):
            index.insert(0, row % size)
            row = row // size
        return data(*index, i)

    return te.compute((1, 1, prod(leading), data.shape[-1]), value, name="rows")


def write_rows(flat: te.Tensor, leading: list[Expr], outputs: int) -> te.Tensor:
    """Stage that brings results (1, 1, rows, filled outputs) into the form int32 (..., O)."""
    sizes = [int(size) for size in leading]

    def result(*index: Expr) -> Expr:
        row: Expr = T.int32(0)
        for position, size in zip(index[:-1], sizes, strict=True):
            row = row * size + position
        return flat[0, 0, row, index[-1]].astype("int32")

    return te.compute(_sizes((*sizes, outputs)), result, name="rows_of_results")


def write_image(flat: te.Tensor, conv: Convolution, filled: int) -> te.Tensor:
    """Stage that brings results (N, H, W, groups * filled outputs) into the data layout, int32."""
    height, width = conv.output_size
    shape = conv.geometry.in_layout(conv.batch, conv.groups * conv.outputs, height, width)

    def result(n: Expr, y: Expr, x: Expr, o: Expr) -> Expr:
        at = o if filled == conv.outputs else o // conv.outputs * filled + o % conv.outputs
        return flat[n, y, x, at].astype("int32")

    channels_first = conv.geometry.data_layout == "NCHW"
    return te.compute(
        _sizes(shape),
        (lambda n, o, y, x: result(n, y, x, o)) if channels_first else result,
        name="image",
    )


def _sizes(shape: tuple[int, ...]) -> list[Expr]:
    return [tirx.IntImm("int64", size) for size in shape]
