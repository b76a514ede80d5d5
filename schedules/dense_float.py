"""Convolution in float32 on flat planes: for float layers, and for float data and binary weights.

Strategy `decoded_dense` decodes binary weights to +1.0 and -1.0 when a network is loaded and then
does what a float layer does. Vectors run along pixels, a few vectors of them for a few outputs
stay in registers, and weights are broadcast from memory.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from math import prod

import tvm
from tvm import relax, te
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..ops import ConvGeometry, static_shape
from ..target import Features
from .decode import DENSE_OPERATORS, binary_weight, weight_shape
from .emit import core_stage, emit_kernel, emit_packing
from .planes import Convolution, Planes, convolution, convolution_of, fitting_block, job_splits
from .shapes import shape_of

NAME = "decoded_dense"
_FLOAT_BYTES = 4
_REGISTER_TILE = {512: (4, 4), 256: (2, 6)}
"""Vectors of pixels and outputs whose sums fit into the registers, by vector width: there are 32
registers of 512 bits and 16 of 256. Without AVX, products take a register of their own."""


def obstacle(call: relax.Call, _features: Features) -> str | None:
    """Return why this strategy cannot compute the call, or None when it can."""
    if str(call.args[0].ty.dtype) != "float32":
        return "sums of signs are integers"
    return None


def cycles(call: relax.Call, features: Features) -> float:
    """Estimate the cycles of a call, two vectors of products in each."""
    shape = weight_shape(call)
    lanes = features.vector_bytes / _FLOAT_BYTES
    if call.op.name in DENSE_OPERATORS:
        return prod(shape_of(call.args[0])[:-1]) * prod(shape) / lanes
    conv = convolution_of(call, shape[0], (shape[2], shape[3]))
    core = _Core(conv, features)
    pixels = conv.batch * conv.groups * core.planes.blocks * core.planes.block
    return pixels / lanes * core.tiles * core.tile * conv.channels * conv.taps / 2


def remark(_call: relax.Call) -> str:
    """Return what the strategy does."""
    return "weights are decoded to float when the network is loaded"


def legalize(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit the decoding and packing of the weights, then the kernel."""
    weight = binary_weight(bb, call)
    if call.op.name in DENSE_OPERATORS:
        columns = emit_packing(bb, decode_columns, weight)
        return emit_kernel(bb, NAME, multiply, call.args[0], columns)
    outputs, _, kh, kw = shape_of(weight)
    conv = convolution_of(call, outputs, (kh, kw))
    return _emit(bb, NAME, conv, call.args[0], weight, features)


def legalize_conv2d(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit a float convolution, `relax.nn.conv2d`; forms that planes do not cover are left to TVM.

    Covered are float32, static shapes, NCHW or NHWC, and OIHW weights.
    """
    attrs = call.attrs
    data, weight = call.args
    covered = (
        attrs.data_layout in ("NCHW", "NHWC")
        and attrs.out_layout == attrs.data_layout
        and attrs.kernel_layout == "OIHW"
        and attrs.out_dtype in ("", "float32")
        and all(
            str(argument.ty.dtype) == "float32" and static_shape(argument.ty) is not None
            for argument in (data, weight)
        )
    )
    if not covered:
        return tvm.ir.Op.get("relax.nn.conv2d").get_attr("FLegalize")(bb, call)
    geometry = ConvGeometry.from_attrs(
        {
            "strides": attrs.strides,
            "padding": attrs.padding,
            "dilation": attrs.dilation,
            "groups": attrs.groups,
            "data_layout": attrs.data_layout,
        }
    )
    outputs, _, kh, kw = shape_of(weight)
    conv = convolution(geometry.nchw(shape_of(data)), outputs, (kh, kw), geometry)
    return _emit(bb, "conv2d", conv, data, weight, features)


def decode_columns(weight: te.Tensor) -> te.Tensor:
    """Return weights int8 (O, I) as float32 (I, O)."""
    outputs, inputs = weight.shape
    return te.compute(
        (inputs, outputs), lambda i, o: weight[o, i].astype("float32"), name="decode_columns"
    )


def multiply(data: te.Tensor, columns: te.Tensor) -> te.Tensor:
    """Return the product of data (..., I) and columns (I, O)."""
    i = te.reduce_axis((0, columns.shape[0]), "i")
    return te.compute(
        (*data.shape[:-1], columns.shape[1]),
        lambda *index: te.sum(data(*index[:-1], i) * columns[i, index[-1]], axis=[i]),
        name="multiply",
    )


def pack_tiles(weight: te.Tensor, groups: int, tile: int) -> te.Tensor:
    """Return weights (O, C, kh, kw) as float32 (groups, tiles of outputs, C*kh*kw, tile)."""
    total, channels, kh, kw = (int(size) for size in weight.shape)
    outputs = total // groups

    def element(group: Expr, ot: Expr, step: Expr, o: Expr) -> Expr:
        row = group * outputs + T.min(ot * tile + o, outputs - 1)
        value = weight[row, step // (kh * kw), step // kw % kh, step % kw]
        return value.astype("float32")

    return te.compute(
        (groups, -(-outputs // tile), channels * kh * kw, tile), element, name="pack_tiles"
    )


def _emit(
    bb: relax.BlockBuilder,
    name: str,
    conv: Convolution,
    data: relax.Expr,
    weight: relax.Expr,
    features: Features,
) -> relax.Expr:
    core = _Core(conv, features)
    packed = emit_packing(bb, pack_tiles, weight, groups=conv.groups, tile=core.tile)
    return emit_kernel(bb, name, core.compute, data, packed)


class _Core:
    """The kernel of one convolution: its sizes, and the stages made from them."""

    def __init__(self, conv: Convolution, features: Features) -> None:
        self.conv = conv
        self.lanes = features.vector_bytes // _FLOAT_BYTES
        vectors, outputs = _REGISTER_TILE.get(features.vector_bits, (2, 4))
        self.planes = Planes(conv, fitting_block(conv, vectors * self.lanes, self.lanes))
        self.tiles = -(-conv.outputs // outputs)
        self.tile = -(-conv.outputs // self.tiles)

    def compute(self, data: te.Tensor, weights: te.Tensor) -> te.Tensor:
        """Stages from the data to the result."""
        planes = self.planes.read(data)
        flat = core_stage(NAME, self._core(planes, weights), planes, weights)
        return self.planes.write(flat, "float32", group_rows=self.tiles * self.tile)

    def _core(self, planes: te.Tensor, weights: te.Tensor) -> PrimFunc:
        conv, layout, lanes = self.conv, self.planes, self.lanes
        block, blocks, tile, tiles = layout.block, layout.blocks, self.tile, self.tiles
        images, vectors = conv.batch * conv.groups, block // lanes
        kh, kw = conv.kernel
        splits = job_splits(images * blocks, tiles)

        @T.prim_func(s_tir=True, private=True)
        def core(
            planes: T.Buffer(planes.shape, "float32"),
            weights: T.Buffer(weights.shape, "float32"),
            flat: T.Buffer((conv.batch, conv.groups * tiles * tile, blocks * block), "float32"),
        ):
            for job in T.parallel(splits * images * blocks):
                with T.sblock("block_of_pixels"):
                    v = T.axis.spatial(splits * images * blocks, job)
                    sums = T.sblock_alloc_buffer((tile, vectors, lanes), "float32", scope="local")
                    n: T.let = v // blocks % images // conv.groups
                    first: T.let = v // (images * blocks) * (tiles // splits)
                    group: T.let = v // blocks % conv.groups
                    q: T.let = v % blocks * block
                    for ot in range(tiles // splits):
                        for o in T.unroll(tile):
                            for vector in T.unroll(vectors):
                                for px in T.vectorized(lanes):
                                    sums[o, vector, px] = T.float32(0)
                        for c in range(conv.channels):
                            for i in range(kh):
                                for j in range(kw):
                                    for o in T.unroll(tile):
                                        for vector in T.unroll(vectors):
                                            for px in T.vectorized(lanes):
                                                sums[o, vector, px] = sums[o, vector, px] + (
                                                    layout.load(
                                                        planes,
                                                        n,
                                                        group * conv.channels + c,
                                                        q + vector * lanes + px,
                                                        i,
                                                        j,
                                                    )
                                                    * weights[
                                                        group, first + ot, (c * kh + i) * kw + j, o
                                                    ]
                                                )
                        for o in T.unroll(tile):
                            for vector in T.unroll(vectors):
                                for px in T.vectorized(lanes):
                                    flat[
                                        n,
                                        (group * tiles + first + ot) * tile + o,
                                        q + vector * lanes + px,
                                    ] = sums[o, vector, px]

        return core
