"""Float convolutions with fewer products: minimal filtering along the rows of the image.

A stride along a row is no obstacle: of a channels-last row, `stride` pixels together are one pixel
of stride * C channels, and the kernel's taps fall into as few of those as cover them. So a row is a
convolution of stride 1, whose results are computed a few at a time (see `minimal_filtering`).

The image's rows are transformed first. At each point what is left is a product of a matrix, tiles
by steps (a row of taps and a channel), with the transformed weights, done like `direct_conv` does
it; the products of all points of a few tiles stay in the first-level cache for the last transform.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...target import Features
from ..emit import OWNS_RESULT, core_stage
from ..neon import neon_of
from ..planes import Convolution
from .blocking import FLOAT_BYTES, SHARED_BYTES, Tile, blocking_of, part_start, tile_of
from .minimal_filtering import POINTS, MinimalFiltering
from .products import add_products, span

_FEWEST_TAPS = 3
"""Taps of a row, strides taken together, below which hardly a product is saved."""
_POINT = 10
"""Cycles that pass before and after the products of a point, while sums wait for each other."""
_GAIN = 0.9
"""Part of a direct convolution's cycles that may at most be left: transforms need memory, too."""
_MOST_TILES = 8
"""Tiles of a row that x86 computes together, at most. More of them, with fewer vectors of outputs,
are slower where measured, though they load less for as many products."""


@dataclass(frozen=True)
class Filtering:
    """The sizes of one convolution's loops."""

    conv: Convolution
    transform: MinimalFiltering
    tile: Tile
    """One row of tiles of results, and vectors of outputs, whose products stay in registers."""
    lanes: int
    data_lanes: int
    """Lanes of the vectors that transform the image, at most as many as there are channels."""

    @property
    def channels(self) -> int:
        """Values that lie side by side in the place of a pixel."""
        return self.conv.channels * self.conv.geometry.strides[1]

    @property
    def wide_lanes(self) -> int:
        """Lanes of a vector that holds all channels of a tile, if those alone do not fill vectors.

        What it holds beyond them is the beginning of the next tile's place: it can transform all
        tiles of a row but the last. If there is no such vector it is `data_lanes`.
        """
        wide = 2 * self.data_lanes
        return wide if self.data_lanes < self.channels < wide <= self.lanes else self.data_lanes

    @property
    def steps(self) -> int:
        """Products of each point that are added up."""
        return self.conv.kernel[0] * self.channels

    @property
    def tiles(self) -> int:
        """Tiles in a row; the last one overlaps the one before it if it must."""
        return -(-self.conv.output_size[1] // self.transform.results)

    @property
    def across(self) -> int:
        """Groups of tiles that a row is computed in; the last one may overlap, too."""
        return -(-self.tiles // self.tile.columns)

    @property
    def columns(self) -> int:
        """Pixels in a row of the image, zeros at both ends included."""
        width = self.conv.output_size[1] + self.transform.taps - 1
        return width * self.conv.geometry.strides[1]

    @property
    def rows(self) -> int:
        """Rows of the image that are read, zeros above and below included."""
        reach = (self.conv.kernel[0] - 1) * self.conv.geometry.dilation[0]
        return (self.conv.output_size[0] - 1) * self.conv.geometry.strides[0] + reach + 1

    @property
    def block(self) -> int:
        """Outputs whose products are kept together."""
        return self.tile.vectors * self.lanes

    @property
    def blocks(self) -> int:
        """Blocks of outputs; the last one overlaps the one before it if it must."""
        return -(-self.conv.outputs // self.block)

    @property
    def cycles(self) -> float:
        """Estimated cycles of an image."""
        points, sums = self.transform.points, self.tile.pixels * self.tile.vectors
        # At each point the sums begin at zero and are stored; the last transform loads them.
        tile = points * (self.steps * self.tile.cycles + sums + _POINT) + 2.5 * points * sums
        vectors = self.rows * self.tiles * -(-self.channels // self.wide_lanes)
        image = 2 * points * vectors
        return self.conv.output_size[0] * self.across * self.blocks * tile + image

    @property
    def weight_bytes(self) -> int:
        """Size of the transformed weights."""
        return self.blocks * self.block * self.transform.points * self.steps * FLOAT_BYTES


def filtering_of(conv: Convolution, features: Features) -> Filtering | None:
    """Return the sizes for a convolution, or None where computing it directly is faster."""
    direct = blocking_of(conv, features, {})
    stride, taps = conv.geometry.strides[1], -(-conv.kernel[1] // conv.geometry.strides[1])
    if conv.groups > 1 or conv.geometry.dilation[1] > 1 or taps < _FEWEST_TAPS:
        return None
    width, data_lanes = conv.output_size[1], direct.lanes
    while data_lanes > conv.channels * stride:
        data_lanes //= 2
    candidates = []
    for points in POINTS:
        transform = MinimalFiltering(points, taps)
        if 2 <= transform.results <= width:
            size = 1, -(-width // transform.results)
            channels = conv.channels * stride
            limit = {"pixels": _MOST_TILES} if neon_of(features) is None else {}
            tile = tile_of(size, conv.outputs, direct.lanes, channels, features, limit)
            candidates.append(Filtering(conv, transform, tile, direct.lanes, data_lanes))
    fitting = [sizes for sizes in candidates if sizes.weight_bytes <= SHARED_BYTES]
    best = min(fitting, key=lambda sizes: sizes.cycles, default=None)
    steps = conv.taps * conv.channels
    directly = direct.tiles * direct.blocks * steps * direct.tile.cycles
    return best if best is not None and best.cycles < _GAIN * directly else None


class FilteredConvolution:
    """The kernel of one convolution over a channels-last image that is already padded."""

    def __init__(self, sizes: Filtering) -> None:
        """Choose the kernel of a convolution, cut as `sizes` says."""
        self.sizes = sizes

    def compute(self, name: str, image: te.Tensor, weights: te.Tensor) -> te.Tensor:
        """Stage from a padded image (N, rows, columns, C) to the result (N, H, W, O), float32."""
        points = core_stage(f"{name}_points", self._transform(image), image)
        return core_stage(name, self._core(points, weights), points, weights)

    def _transform(self, image: te.Tensor) -> PrimFunc:
        """Return the core that transforms each row of the image, (N, rows, points, tiles, C)."""
        sizes, conv = self.sizes, self.sizes.conv
        count, tiles, channels = sizes.transform.points, sizes.tiles, sizes.channels
        wide, lanes = sizes.wide_lanes, sizes.data_lanes
        in_wide = tiles - 1 if wide > lanes else 0
        wide_tile, narrow_tile = map(self._transform_tile, (wide, lanes))

        @T.prim_func(s_tir=True, private=True)
        def core(
            image: T.Buffer(image.shape, "float32"),
            points: T.Buffer((conv.batch, sizes.rows, count, tiles, channels), "float32"),
        ):
            for job in T.parallel(conv.batch * sizes.rows):
                with T.sblock("row"):
                    v = T.axis.spatial(conv.batch * sizes.rows, job)
                    n: T.let = v // sizes.rows
                    y: T.let = v % sizes.rows
                    T.reads(image[v // sizes.rows, v % sizes.rows, :, :])
                    T.writes(points[v // sizes.rows, v % sizes.rows, :, :, :])
                    wide_inputs = T.sblock_alloc_buffer((count, wide), "float32")
                    wide_parts = T.sblock_alloc_buffer((count, wide), "float32")
                    inputs = T.sblock_alloc_buffer((count, lanes), "float32")
                    parts = T.sblock_alloc_buffer((count, lanes), "float32")
                    # In order: each tile overwrites what the one before it left in its place.
                    for tile in range(in_wide):
                        wide_tile(image, points, wide_inputs, wide_parts, n, y, tile)
                    for tile in range(tiles - in_wide):
                        narrow_tile(image, points, inputs, parts, n, y, in_wide + tile)

        return core

    def _transform_tile(self, lanes: int) -> Callable[..., None]:
        """Return what transforms a tile by vectors of so many lanes, inside of a kernel.

        Its arguments are the image, the points, vectors to work in, float32 (points, lanes) twice,
        and the place (image, row, tile).
        """
        sizes, conv = self.sizes, self.sizes.conv
        count, channels = sizes.transform.points, sizes.channels
        stride, results = conv.geometry.strides[1], sizes.transform.results
        vector = T.ramp(0, 1, lanes)

        def combine(inputs: tirx.Buffer, parts: tirx.Buffer) -> None:
            for point, row in enumerate(sizes.transform.data):
                value = _combination(row, [inputs[i, vector] for i in range(count)])
                T.buffer_store(parts, value, [point, vector])

        def store(
            points: tirx.Buffer, parts: tirx.Buffer, n: Expr, y: Expr, tile: Expr, c: Expr
        ) -> None:
            for point, value in enumerate(self._paired(parts, vector)):
                T.buffer_store(points, value, [n, y, point, tile, T.ramp(c, 1, lanes)])

        @T.inline
        def transform_tile(image, points, inputs, parts, n, y, tile):
            x: T.let = part_start(tile, results, conv.output_size[1]) * stride
            for part in range(-(-channels // lanes)):
                c: T.let = part_start(part, lanes, max(lanes, channels))
                for i in T.unroll(count):
                    for lane in T.vectorized(lanes):
                        inputs[i, lane] = image[
                            n,
                            y,
                            x + i * stride + (c + lane) // conv.channels,
                            (c + lane) % conv.channels,
                        ]
                combine(inputs, parts)
                store(points, parts, n, y, tile, c)

        return transform_tile

    def _core(self, points: te.Tensor, weights: te.Tensor) -> PrimFunc:
        sizes, conv = self.sizes, self.sizes.conv
        height, width = conv.output_size
        count, lanes, channels = sizes.transform.points, sizes.lanes, sizes.channels
        columns, vectors, together = sizes.tile.columns, sizes.tile.vectors, sizes.tile.steps
        stride, dilation = conv.geometry.strides[0], conv.geometry.dilation[0]
        vector_ = T.ramp(0, 1, lanes)

        def add(sums, points, weights, n, y, point, first, ob, tap, step) -> None:
            """Write what adds the products of some steps, from `step` on."""
            values = span(step, together)
            inputs = [points[n, y, point, first + t, values] for t in range(columns)]
            rows = [
                [
                    weights[ob, point, tap * channels + step + s, span(vector * lanes, lanes)]
                    for vector in range(vectors)
                ]
                for s in range(together)
            ]
            add_products(sums, inputs, rows, lanes)

        def gather(parts: tirx.Buffer, products: tirx.Buffer, s: Expr) -> None:
            paired = self._paired(products, s, vector_)
            for point, value in enumerate(paired):
                T.buffer_store(parts, value, [point, vector_])

        def store(
            result: tirx.Buffer, parts: tirx.Buffer, n: Expr, y: Expr, x: Expr, o: Expr
        ) -> None:
            values = [parts[point, vector_] for point in range(count)]
            for q, row in enumerate(sizes.transform.sums):
                T.buffer_store(
                    result, _combination(row, values), [n, y, x + q, T.ramp(o, 1, lanes)]
                )

        @T.prim_func(s_tir=True, private=True)
        def core(
            points: T.Buffer(points.shape, "float32"),
            weights: T.Buffer(weights.shape, "float32"),
            result: T.Buffer((conv.batch, height, width, conv.outputs), "float32"),
        ):
            for job in T.parallel(conv.batch * height):
                with T.sblock("row_by_outputs"):
                    v = T.axis.spatial(conv.batch * height, job)
                    n: T.let = v // height
                    y: T.let = v % height
                    T.sblock_attr({OWNS_RESULT: True})
                    T.reads(points[v // height, :, :, :, :], weights[:, :, :, :])
                    T.writes(result[v // height, v % height, :, :])
                    sums = T.sblock_alloc_buffer(
                        (columns * vectors, lanes), "float32", scope="local"
                    )
                    products = T.sblock_alloc_buffer((count, columns * vectors, lanes), "float32")
                    parts = T.sblock_alloc_buffer((count, lanes), "float32")
                    for at, ob in T.grid(sizes.across, sizes.blocks):
                        first: T.let = part_start(at, columns, sizes.tiles)
                        for point in range(count):
                            for s in T.unroll(columns * vectors):
                                for o in T.vectorized(lanes):
                                    sums[s, o] = T.float32(0)
                            for tap in range(conv.kernel[0]):
                                for step in range(channels // together):
                                    add(
                                        sums,
                                        points,
                                        weights,
                                        n,
                                        y * stride + tap * dilation,
                                        point,
                                        first,
                                        ob,
                                        tap,
                                        step * together,
                                    )
                            for s in T.unroll(columns * vectors):
                                for o in T.vectorized(lanes):
                                    products[point, s, o] = sums[s, o]
                        for t, vector in T.grid(columns, vectors):
                            gather(parts, products, t * vectors + vector)
                            store(
                                result,
                                parts,
                                n,
                                y,
                                part_start(first + t, sizes.transform.results, width),
                                part_start(ob, sizes.block, conv.outputs) + vector * lanes,
                            )

        return core

    def _paired(self, values: tirx.Buffer, *at: Expr) -> list[Expr]:
        """Return the values of all points, those of each pair replaced by sum and difference."""
        result = [values[point, *at] for point in range(self.sizes.transform.points)]
        for first in self.sizes.transform.pairs:
            one, other = result[first], result[first + 1]
            result[first : first + 2] = [one + other, one - other]
        return result


def pack_filtered(weight: te.Tensor, layout: str, sizes: Filtering) -> te.Tensor:
    """Return weights as float32 (blocks of outputs, points, kh*C, block of outputs), transformed.

    C counts the channels of as many pixels as are taken together.
    """
    conv, transform = sizes.conv, sizes.transform
    stride = conv.geometry.strides[1]

    def tap(j: int, ob: Expr, step: Expr, o: Expr) -> Expr:
        channel = step % sizes.channels
        column = j * stride + channel // conv.channels
        place = {
            "O": part_start(ob, sizes.block, conv.outputs) + o,
            "I": channel % conv.channels,
            "H": step // sizes.channels,
            "W": column,
        }
        value = weight(*(place[axis] for axis in layout))
        if (j + 1) * stride <= conv.kernel[1]:
            return value
        return tirx.if_then_else(column < conv.kernel[1], value, T.float32(0))

    def factor(point: Expr, j: int) -> Expr:
        rows = transform.weights
        value = T.float32(float(rows[-1][j]))
        for number, row in enumerate(rows[:-1]):
            value = T.Select(point == number, T.float32(float(row[j])), value)
        return value

    def element(ob: Expr, point: Expr, step: Expr, o: Expr) -> Expr:
        terms = [factor(point, j) * tap(j, ob, step, o) for j in range(transform.taps)]
        return sum(terms[1:], terms[0])

    shape = (sizes.blocks, transform.points, sizes.steps, sizes.block)
    return te.compute(shape, element, name="pack_filtered")


def _combination(factors: Sequence[Fraction], values: Sequence[Expr]) -> Expr:
    """Return the sum of values, each times its factor."""
    result: Expr | None = None
    for factor, value in zip(factors, values, strict=True):
        if factor == 0:
            continue
        if result is None:
            result = value if factor == 1 else value * _constant(factor, value)
        elif abs(factor) == 1:
            result = result + value if factor > 0 else result - value
        else:
            result = result + value * _constant(factor, value)
    assert result is not None
    return result


def _constant(factor: Fraction, like: Expr) -> Expr:
    return T.broadcast(T.float32(float(factor)), like.ty.dtype.lanes)
