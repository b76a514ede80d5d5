"""Images in the form that float convolutions read, and results in the form that was asked for."""

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ...ops.packed_signs import NEGATIVE, WORD_BITS, ZERO, words_of
from ..planes import Convolution


def padded_image(
    data: te.Tensor, conv: Convolution, repeat: int = 1, size: tuple[int, int] | None = None
) -> te.Tensor:
    """Return data of any form as float32 (N, H, W, C), zeros around it, channels repeated.

    `size` are the rows and columns to return, by default those of the padded image; what lies
    further right or below is zero.

    `data` is float32 or int8 in the convolution's layout, or packed signs. It is returned as it
    is when it has that form already.
    """
    top, left, bottom, right = conv.geometry.padding
    channels = conv.groups * conv.channels
    height, width = size or (top + conv.height + bottom, left + conv.width + right)
    bottom, right = height - top - conv.height, width - left - conv.width
    as_it_is = data.dtype == "float32" and conv.geometry.data_layout == "NHWC" and repeat == 1
    if as_it_is and not any((top, left, bottom, right)):
        return data

    def pixel(n: Expr, y: Expr, x: Expr, c: Expr) -> Expr:
        row, column = y - top, x - left
        value = _element(data, conv, n, row, column, c // repeat)
        inside = [row >= 0] * (top > 0) + [row < conv.height] * (bottom > 0)
        inside += [column >= 0] * (left > 0) + [column < conv.width] * (right > 0)
        if not inside:
            return value
        return tirx.if_then_else(tirx.all(*inside), value, T.float32(0))

    return te.compute((conv.batch, height, width, channels * repeat), pixel, name="padded")


def write_result(result: te.Tensor, conv: Convolution, dtype: str) -> te.Tensor:
    """Return a result float32 (N, H, W, O) in the convolution's layout and `dtype`."""
    if conv.geometry.data_layout == "NHWC" and dtype == "float32":
        return result
    n, height, width, outputs = (int(size) for size in result.shape)
    shape = [
        tirx.IntImm("int64", size) for size in conv.geometry.in_layout(n, outputs, height, width)
    ]
    if conv.geometry.data_layout == "NHWC":
        return te.compute(shape, lambda *index: result(*index).astype(dtype), name="image")
    return te.compute(shape, lambda n, o, y, x: result[n, y, x, o].astype(dtype), name="image")


def _element(data: te.Tensor, conv: Convolution, n: Expr, row: Expr, column: Expr, c: Expr) -> Expr:
    if data.dtype != "uint64":
        return data(*conv.geometry.in_layout(n, c, row, column)).astype("float32")
    own = c % conv.channels
    word = c // conv.channels * words_of(conv.channels) + own // WORD_BITS
    place = T.Cast("uint64", own % WORD_BITS)

    def bit(plane: int) -> Expr:
        return T.Cast("float32", data[n, plane, row, column, word] >> place & T.uint64(1))

    return (T.float32(1) - T.float32(2) * bit(NEGATIVE)) * (T.float32(1) - bit(ZERO))
