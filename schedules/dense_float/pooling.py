"""Max and average pooling of channels-last images: vectors along channels, windows in registers.

A window that reaches over the edge is cut to what lies inside, so the image is not padded.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from dataclasses import dataclass
from typing import Any

from tvm import relax, te
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...ops import static_shape
from ...target import Features
from ..emit import OWNS_RESULT, READS_WINDOWS, core_stage, emit_kernel
from ..shapes import shape_of
from .blocking import FLOAT_BYTES

_VECTORS = 8
"""Vectors of channels, at most, that are pooled together."""


def legalize_max_pool(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit `relax.nn.max_pool2d`; other forms than float32 and NHWC are left to TVM."""
    return _legalize(bb, call, features, "max_pool")


def legalize_avg_pool(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit `relax.nn.avg_pool2d`; other forms than float32 and NHWC are left to TVM."""
    return _legalize(bb, call, features, "avg_pool")


def _legalize(
    bb: relax.BlockBuilder, call: relax.Call, features: Features, name: str
) -> relax.Expr:
    data, attrs = call.args[0], call.attrs
    covered = (
        attrs.layout == attrs.out_layout == "NHWC"
        and str(data.ty.dtype) == "float32"
        and static_shape(data.ty) is not None
    )
    if not covered:
        return call.op.get_attr("FLegalize")(bb, call)
    pooling = _Pooling(name, _windows(call), shape_of(data), shape_of(call), features)
    return emit_kernel(bb, name, pooling.compute, data)


@dataclass(frozen=True)
class _Axis:
    """The windows along one axis of the image."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    counts_padding: bool

    @property
    def reach(self) -> int:
        """How far a window reaches."""
        return (self.kernel - 1) * self.dilation + 1

    def taps(self, position: Expr) -> tuple[Expr, Expr]:
        """Return the first tap of a window that lies inside the image, and the one after them."""
        return self._taps_in(position, 0, self.size)

    def counted(self, position: Expr) -> Expr:
        """Return how many taps of a window the average is taken over."""
        if self.counts_padding:
            first, end = self._taps_in(position, -self.before, self.size + self.after)
        else:
            first, end = self.taps(position)
        return T.max(end - first, 0)

    def place(self, position: Expr, tap: Expr) -> Expr:
        """Return where in the image a tap of a window reads."""
        return position * self.stride - self.before + tap * self.dilation

    def _taps_in(self, position: Expr, low: int, high: int) -> tuple[Expr, Expr]:
        start = position * self.stride - self.before

        def taps_below(bound: int) -> Expr:
            return T.min(
                T.max((bound - start + self.dilation - 1) // self.dilation, 0), self.kernel
            )

        return taps_below(low), taps_below(high)


def _windows(call: relax.Call) -> tuple[_Axis, _Axis]:
    attrs = call.attrs
    shape = shape_of(call.args[0])
    padding = [int(side) for side in attrs.padding]
    # Max pooling has the attribute too, without a meaning.
    counts_padding = bool(attrs.count_include_pad)

    def axis(number: int) -> _Axis:
        values: tuple[Any, ...] = (attrs.pool_size, attrs.strides, attrs.dilation)
        kernel, stride, dilation = (int(value[number]) for value in values)
        before, after = padding[number], padding[2 + number]
        return _Axis(shape[1 + number], kernel, stride, dilation, before, after, counts_padding)

    return axis(0), axis(1)


class _Pooling:
    """The kernel of one pooling."""

    def __init__(
        self,
        name: str,
        windows: tuple[_Axis, _Axis],
        shape: tuple[int, ...],
        result: tuple[int, ...],
        features: Features,
    ) -> None:
        """Choose how many channels to pool together."""
        self.name, self.windows, self.result = name, windows, result
        channels = shape[3]
        self.lanes = features.vector_bytes // FLOAT_BYTES
        while self.lanes > channels:
            self.lanes //= 2
        self.vectors = min(_VECTORS, channels // self.lanes)

    def compute(self, data: te.Tensor) -> te.Tensor:
        """Stage from the image to the result."""
        return core_stage(self.name, self._core(data), data)

    def _core(self, data: te.Tensor) -> PrimFunc:
        images, height, width, channels = self.result
        lanes, vectors = self.lanes, self.vectors
        block = lanes * vectors
        along_y, along_x = self.windows
        windows = [along_y.stride, along_y.before, along_y.reach]
        is_max = self.name == "max_pool"
        lowest = "-inf" if is_max else "0"

        def combine(pooled: Expr, value: Expr) -> Expr:
            return T.max(pooled, value) if is_max else pooled + value

        def finish(pooled: Expr, y: Expr, x: Expr) -> Expr:
            if is_max:
                return pooled
            count = T.max(along_y.counted(y) * along_x.counted(x), 1)
            return pooled / T.Cast("float32", count)

        @T.prim_func(s_tir=True, private=True)
        def core(
            data: T.Buffer(data.shape, "float32"),
            result: T.Buffer(self.result, "float32"),
        ):
            for job in T.parallel(images * height):
                with T.sblock("row"):
                    v = T.axis.spatial(images * height, job)
                    T.sblock_attr({OWNS_RESULT: True, READS_WINDOWS: windows})
                    # Said here, since TVM cannot tell how far loops of changing extents reach.
                    T.reads(data[v // height, :, :, :])
                    T.writes(result[v // height, v % height, :, :])
                    pooled = T.sblock_alloc_buffer((vectors, lanes), "float32", scope="local")
                    n: T.let = v // height
                    y: T.let = v % height
                    first_y: T.let = along_y.taps(y)[0]
                    end_y: T.let = along_y.taps(y)[1]
                    for x in range(width):
                        first_x: T.let = along_x.taps(x)[0]
                        end_x: T.let = along_x.taps(x)[1]
                        for cb in range(-(-channels // block)):
                            c: T.let = T.min(cb * block, channels - block)
                            for vector in T.unroll(vectors):
                                for px in T.vectorized(lanes):
                                    pooled[vector, px] = T.float32(lowest)
                            for i in T.serial(first_y, end_y):
                                for j in T.serial(first_x, end_x):
                                    for vector in T.unroll(vectors):
                                        for px in T.vectorized(lanes):
                                            pooled[vector, px] = combine(
                                                pooled[vector, px],
                                                data[
                                                    n,
                                                    along_y.place(y, i),
                                                    along_x.place(x, j),
                                                    c + vector * lanes + px,
                                                ],
                                            )
                            for vector in T.unroll(vectors):
                                for px in T.vectorized(lanes):
                                    result[n, y, x, c + vector * lanes + px] = finish(
                                        pooled[vector, px], y, x
                                    )

        return core
