"""Depthwise convolution in float32: a kernel for every channel, vectors along channels."""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from tvm import te
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...target import Features
from ..emit import OWNS_RESULT, core_stage
from ..planes import Convolution
from .blocking import FLOAT_BYTES

_SUMS = {512: (6, 4)}
"""Pixels and vectors of channels whose sums stay in registers, by vector width."""
_FEWER_SUMS = (6, 2)


def is_depthwise(conv: Convolution) -> bool:
    """Return whether each group is one channel."""
    return conv.channels == 1 and conv.groups > 1


class DepthwiseConvolution:
    """The kernel of one depthwise convolution; its padded image has as many channels as outputs."""

    def __init__(self, conv: Convolution, features: Features) -> None:
        """Choose how many pixels and channels to compute together."""
        self.conv = conv
        self.outputs = conv.groups * conv.outputs
        self.lanes = features.vector_bytes // FLOAT_BYTES
        while self.lanes > self.outputs:
            self.lanes //= 2
        pixels, vectors = _SUMS.get(features.vector_bits, _FEWER_SUMS)
        self.vectors = min(vectors, self.outputs // self.lanes)
        self.pixels = min(pixels, conv.output_size[1])

    def compute(self, name: str, image: te.Tensor, weights: te.Tensor) -> te.Tensor:
        """Stage from a padded image (N, H, W, O) to the result (N, H, W, O), both float32."""
        return core_stage(name, self._core(image, weights), image, weights)

    def _core(self, image: te.Tensor, weights: te.Tensor) -> PrimFunc:
        conv, outputs, lanes = self.conv, self.outputs, self.lanes
        (height, width), (kh, kw) = conv.output_size, conv.kernel
        (stride_y, stride_x), (dilation_y, dilation_x) = (
            conv.geometry.strides,
            conv.geometry.dilation,
        )
        pixels, vectors = self.pixels, self.vectors
        block = vectors * lanes

        @T.prim_func(s_tir=True, private=True)
        def core(
            image: T.Buffer(image.shape, "float32"),
            weights: T.Buffer(weights.shape, "float32"),
            result: T.Buffer((conv.batch, height, width, outputs), "float32"),
        ):
            for job in T.parallel(conv.batch * height):
                with T.sblock("row"):
                    v = T.axis.spatial(conv.batch * height, job)
                    n: T.let = v // height
                    y: T.let = v % height
                    T.sblock_attr({OWNS_RESULT: True})
                    T.reads(image[v // height, :, :, :], weights[:, :])
                    T.writes(result[v // height, v % height, :, :])
                    sums = T.sblock_alloc_buffer((pixels, vectors, lanes), "float32", scope="local")
                    for xb, ob in T.grid(-(-width // pixels), -(-outputs // block)):
                        x: T.let = T.min(xb * pixels, width - pixels)
                        first: T.let = T.min(ob * block, outputs - block)
                        for p in T.unroll(pixels):
                            for vector in T.unroll(vectors):
                                for o in T.vectorized(lanes):
                                    sums[p, vector, o] = T.float32(0)
                        for i, j in T.grid(kh, kw):
                            for p in T.unroll(pixels):
                                for vector in T.unroll(vectors):
                                    for o in T.vectorized(lanes):
                                        sums[p, vector, o] = sums[p, vector, o] + (
                                            image[
                                                n,
                                                y * stride_y + i * dilation_y,
                                                (x + p) * stride_x + j * dilation_x,
                                                first + vector * lanes + o,
                                            ]
                                            * weights[i * kw + j, first + vector * lanes + o]
                                        )
                        for p in T.unroll(pixels):
                            for vector in T.unroll(vectors):
                                for o in T.vectorized(lanes):
                                    result[n, y, x + p, first + vector * lanes + o] = sums[
                                        p, vector, o
                                    ]

        return core


def pack_taps(weight: te.Tensor, layout: str) -> te.Tensor:
    """Return weights of one input channel as float32 (kh*kw, O)."""
    size = {axis: int(extent) for axis, extent in zip(layout, weight.shape, strict=True)}

    def element(tap: Expr, o: Expr) -> Expr:
        place = {"O": o, "I": 0, "H": tap // size["W"], "W": tap % size["W"]}
        return weight(*(place[axis] for axis in layout)).astype("float32")

    return te.compute((size["H"] * size["W"], size["O"]), element, name="pack_taps")
