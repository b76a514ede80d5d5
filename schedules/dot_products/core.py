"""The loops of strategy `dot_products`: a tile of pixels times a block of outputs in registers."""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from dataclasses import dataclass

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...ops.levels import LEVELS
from ..emit import OWNS_RESULT, core_stage
from ..planes import Convolution
from .byte_image import ByteImage
from .products import REGISTER_BYTES, SUMS, Products
from .sizes import DotSizes


@dataclass(frozen=True)
class DotCore:
    """The kernel of one convolution."""

    name: str
    sizes: DotSizes

    @property
    def conv(self) -> Convolution:
        """What is computed."""
        return self.sizes.conv

    @property
    def products(self) -> Products:
        """How."""
        return self.sizes.products

    def compute(self, levels: te.Tensor, weights: te.Tensor, starts: te.Tensor) -> te.Tensor:
        """Stages from levels (N, H, W, C) to results int32 (N, H, W, groups * filled outputs)."""
        image = ByteImage(self.conv, self.products)
        if not image.as_it_is:
            levels = core_stage(self.name, image.copy(levels), levels)
        operands = levels, weights, starts
        return core_stage(self.name, self._multiply(*operands), *operands)

    def _multiply(self, image: te.Tensor, weights: te.Tensor, starts: te.Tensor) -> PrimFunc:
        """Return the core that multiplies.

        The loops over a tile are unrolled while the core is written down, and each register of
        sums is a buffer of its own.
        """
        conv, sizes, products = self.conv, self.sizes, self.products
        height, width = conv.output_size
        rows, columns, vectors = sizes.tile.rows, sizes.tile.columns, sizes.tile.vectors
        strides, dilation = conv.geometry.strides, conv.geometry.dilation
        across, pixels = columns // products.pixels, rows * columns // products.pixels
        filled, together, chunk = sizes.filled, sizes.together, sizes.image.chunk
        lanes, bytes_ = T.ramp(0, 1, SUMS), T.ramp(0, 1, REGISTER_BYTES)
        pixel_bytes = sizes.image.chunks * chunk

        def allocate() -> list[list[tirx.Buffer]]:
            return [
                [T.sblock_alloc_buffer((SUMS,), "int32") for _ in range(vectors)]
                for _ in range(pixels)
            ]

        def column(pixel: int) -> int:
            return pixel % across * products.pixels

        def start(sums, starts, group, block) -> None:
            for vector in range(vectors):
                value = starts[group, block, vector, lanes]
                for pixel in range(pixels):
                    T.buffer_store(sums[pixel][vector], value, [lanes])

        def add(sums, image, weights, at, run, step) -> None:
            """Write what adds the products of the steps that are loaded together."""
            n, group, block, y, x = at
            row, tap = run // sizes.runs_of_row, run % sizes.runs_of_row
            levels = [
                T.bind(
                    image[
                        n,
                        (y + pixel // across) * strides[0] + row * dilation[0],
                        (x + column(pixel)) * strides[1] + tap * dilation[1],
                        T.ramp(group * pixel_bytes + step * together * chunk, 1, together * chunk),
                    ]
                )
                for pixel in range(pixels)
            ]
            for s in range(together):
                for vector in range(vectors):
                    place = run * sizes.run + step * together + s
                    weight = T.bind(weights[group, block, place, vector, bytes_])
                    for pixel in range(pixels):
                        sum_ = sums[pixel][vector]
                        value = products.add(sum_[lanes], levels[pixel], s, together, weight)
                        T.buffer_store(sum_, value, [lanes])

        def store(flat, sums, at) -> None:
            n, group, block, y, x = at
            for pixel in range(pixels):
                found = products.of_pixels([sum_[lanes] for sum_ in sums[pixel]])
                for which, results in enumerate(found):
                    if column(pixel) + which >= width:
                        continue
                    for four, result in enumerate(results):
                        first = group * filled + block * sizes.block + four * SUMS
                        place = y + pixel // across, x + column(pixel) + which
                        T.buffer_store(flat, result, [n, *place, T.ramp(first, 1, SUMS)])

        job_rows, bands, splits = sizes.job_rows, sizes.bands, sizes.splits
        jobs = conv.batch * conv.groups * splits * bands
        blocks = sizes.blocks // splits
        tiles_x = -(-width // columns)
        over_jobs = T.parallel if jobs > 1 else T.serial

        def top(v: Expr) -> Expr:
            return T.min(v % bands * job_rows, height - job_rows)

        def region(flat: tirx.Buffer, v: Expr) -> tirx.BufferRegion:
            n, group = v // (bands * splits * conv.groups), v // (bands * splits) % conv.groups
            first = group * filled + v // bands % splits * (blocks * sizes.block)
            y = top(v)
            return flat[n, y : y + job_rows, 0:width, first : first + blocks * sizes.block]

        @T.prim_func(s_tir=True, private=True)
        def multiply(
            image: T.Buffer(image.shape, LEVELS),
            weights: T.Buffer(weights.shape, "int8"),
            starts: T.Buffer(starts.shape, "int32"),
            flat: T.Buffer((conv.batch, height, width, conv.groups * filled), "int32"),
        ):
            for job in over_jobs(jobs):
                with T.sblock("rows_by_outputs"):
                    v = T.axis.spatial(jobs, job)
                    T.writes(region(flat, v))
                    T.sblock_attr({OWNS_RESULT: True})
                    sums = allocate()
                    n: T.let = v // (bands * splits * conv.groups)
                    group: T.let = v // (bands * splits) % conv.groups
                    first: T.let = v // bands % splits * blocks
                    for b in range(blocks):
                        for t in range(job_rows // rows):
                            for tx in range(tiles_x):
                                block: T.let = first + b
                                y: T.let = top(v) + t * rows
                                x: T.let = T.max(T.min(tx * columns, width - columns), 0)
                                start(sums, starts, group, block)
                                for run in range(sizes.runs):
                                    for step in range(sizes.run // together):
                                        at = T.meta_var((n, group, block, y, x))
                                        add(sums, image, weights, at, run, step)
                                store(flat, sums, (n, group, block, y, x))

        return multiply
