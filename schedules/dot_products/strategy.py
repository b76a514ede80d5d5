"""Strategy `dot_products`: levels times weights of +1 and -1, as products of bytes.

ARM's processors since v8.2 (Cortex-A76) multiply 16 bytes in an instruction, those with products
of matrices (v8.6) 32, and add them up in 32 bits. Weights are decoded to bytes when a network is
loaded. Signs have faster ways, by bits (`python -m tvm_snn.bench.arm --inner-loops`).
"""

from tvm import relax, te
from tvm.ir import Expr
from tvm.script import tirx as T

from ...ops.levels import LEVELS, top_level
from ...target import Features
from ...tvm_api import attrs_dict
from ..config import config_of
from ..decode import DENSE_OPERATORS, binary_weight
from ..emit import emit_kernel, emit_packing
from ..neon import neon_of
from ..nhwc import as_convolution, as_kernels, rows_as_image, write_image, write_rows
from .core import DotCore
from .products import REGISTER_BYTES, SUMS
from .sizes import PIXELS, VECTORS, DotSizes

NAME = "dot_products"


def obstacle(call: relax.Call, features: Features) -> str | None:
    """Return why this strategy cannot compute the call, or None when it can."""
    if str(call.args[0].ty.dtype) != LEVELS:
        return "activations are not levels"
    neon = neon_of(features)
    if neon is None or not neon.wide or not features.dotprod:
        return "the target has no dot products of bytes (dotprod, 64-bit ARM v8.2)"
    return None


def beats_counting(features: Features) -> bool:
    """Tell whether levels of 2 or 3 bits are multiplied faster than their bits are counted.

    By llvm-mca's model of the Neoverse N1 they are, by more with each bit; small processors, which
    start instructions in order, take long for products.
    """
    neon = neon_of(features)
    return neon is not None and neon.wide and neon.recent


def cycles(call: relax.Call, features: Features) -> float:
    """Estimate the cycles of a call from its products, loads and results."""
    return _sizes(call, features).cycles()


def space(call: relax.Call, features: Features) -> dict[str, tuple[int, ...]]:
    """Return the knobs: pixels of a tile, and registers of outputs, at most."""
    alternate = _sizes(call, features).products.pixels
    return {
        "pixels": tuple(alternate * pixels for pixels in PIXELS),
        "vectors": tuple(vectors for vectors in VECTORS if vectors % alternate == 0),
    }


def remark(call: relax.Call) -> str:
    """Return what the strategy does."""
    return (
        f"levels up to {top_level(attrs_dict(call))} are bytes, whose products the target adds up"
    )


def legalize(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit the decoding and packing of the weights, then the kernel."""
    sizes = _sizes(call, features)
    dense = call.op.name in DENSE_OPERATORS
    weight = binary_weight(bb, call)
    if dense:
        weight = emit_packing(bb, as_kernels, weight)
    packed = emit_packing(bb, pack_weights, weight, sizes=sizes)
    starts = emit_packing(bb, pack_starts, weight, sizes=sizes)
    conv, core = sizes.conv, DotCore(NAME, sizes)

    def compute(data: te.Tensor, packed: te.Tensor, starts: te.Tensor) -> te.Tensor:
        if dense:
            flat = core.compute(rows_as_image(data), packed, starts)
            return write_rows(flat, data.shape[:-1], conv.outputs)
        levels = data if conv.geometry.data_layout == "NHWC" else channels_last(data)
        return write_image(core.compute(levels, packed, starts), conv, sizes.filled)

    return emit_kernel(bb, NAME, compute, call.args[0], packed, starts)


def channels_last(data: te.Tensor) -> te.Tensor:
    """Stage that turns an image (N, C, H, W) into (N, H, W, C)."""
    n, channels, height, width = data.shape
    return te.compute(
        (n, height, width, channels), lambda n, y, x, c: data[n, c, y, x], "channels_last"
    )


def pack_weights(weight: te.Tensor, sizes: DotSizes) -> te.Tensor:
    """Return weights int8 (O, C, kh, kw) as registers of bytes, in the order of steps.

    The result is int8 (groups, blocks, steps, vectors, 16): the channels of a step for each output
    of a register. Outputs past the last one repeat it; channels past the last one are 0.
    """
    conv, each = sizes.conv, sizes.products.channels
    vectors, kw = sizes.tile.vectors, conv.kernel[1]

    def byte(group: Expr, block: Expr, step: Expr, vector: Expr, b: Expr) -> Expr:
        tap, chunk = step // sizes.image.chunks, step % sizes.image.chunks
        channel = chunk * each + b % each
        own = channel if conv.channels % each == 0 else T.min(channel, conv.channels - 1)
        value = weight[_row(sizes, group, block, vector, b // each), own, tap // kw, tap % kw]
        return value if own is channel else T.Select(channel < conv.channels, value, T.int8(0))

    shape = (conv.groups, sizes.blocks, sizes.steps, vectors, REGISTER_BYTES)
    return te.compute(shape, byte, name="pack_weights")


def pack_starts(weight: te.Tensor, sizes: DotSizes) -> te.Tensor:
    """Return what sums start from, int32 (groups, blocks, vectors, 4): see `products`."""
    conv, products = sizes.conv, sizes.products
    shape = (conv.groups, sizes.blocks, sizes.tile.vectors, SUMS)
    if not products.offset:
        return te.compute(shape, lambda *_: T.int32(0), name="pack_starts")
    _, channels, kh, kw = (int(size) for size in weight.shape)
    c, i, j = (te.reduce_axis((0, size)) for size in (channels, kh, kw))

    def total(group: Expr, block: Expr, vector: Expr, lane: Expr) -> Expr:
        row = _row(sizes, group, block, vector, lane)
        return te.sum(weight[row, c, i, j].astype("int32") * products.offset, axis=[c, i, j])

    return te.compute(shape, total, name="pack_starts")


def _row(sizes: DotSizes, group: Expr, block: Expr, vector: Expr, lane: Expr) -> Expr:
    """Return the output that a lane of a register of weights or of starts belongs to."""
    conv = sizes.conv
    output = block * sizes.block + vector * sizes.products.outputs + lane
    return group * conv.outputs + T.min(output, conv.outputs - 1)


def _sizes(call: relax.Call, features: Features) -> DotSizes:
    neon = neon_of(features)
    assert neon is not None, "asked of targets with NEON only"
    top = top_level(attrs_dict(call))
    return DotSizes.of(as_convolution(call), top, neon, features, config_of(call))
