"""The core of float convolutions: channels last, a tile of pixels and outputs in registers.

At every step (a tap and an input channel) a few vectors of weights are loaded, and the input
value of every pixel of the tile is multiplied with each of them. Weights lie in the order in which
the steps take them, so they stream. The taps of one row of a kernel and their channels are
neighbours in a channels-last image, so that a *run* of steps reads each pixel's input in one line.
Where products take lanes of registers, a few steps of it are loaded at once (`products`).
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from tvm import te
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..emit import OWNS_RESULT, core_stage
from ..planes import Convolution
from .blocking import Blocking, part_start
from .products import add_products, span

KERNEL_LAYOUTS = ("OIHW", "OHWI", "HWIO")
"""Orders in which weights may come: outputs, input channels of a group, rows, columns."""


class DirectConvolution:
    """The kernel of one convolution over a channels-last image that is already padded."""

    def __init__(self, conv: Convolution, blocking: Blocking) -> None:
        """Choose the kernel of a convolution, cut as `blocking` says."""
        self.conv, self.blocking = conv, blocking

    def compute(self, name: str, image: te.Tensor, weights: te.Tensor) -> te.Tensor:
        """Stage from a padded image (N, H, W, C) to the result (N, H, W, O), both float32."""
        return core_stage(name, self._core(image, weights), image, weights)

    def _core(self, image: te.Tensor, weights: te.Tensor) -> PrimFunc:
        conv, b = self.conv, self.blocking
        (height, width), channels = conv.output_size, conv.channels
        (stride_y, stride_x), (dilation_y, dilation_x) = (
            conv.geometry.strides,
            conv.geometry.dilation,
        )
        lanes, vectors, run, chunks = b.lanes, b.tile.vectors, b.run, b.chunks
        rows, columns, pixels, together = (
            b.tile.rows,
            b.tile.columns,
            b.tile.pixels,
            b.tile.steps,
        )
        turns = conv.taps * channels // run // chunks
        shared = b.bands * conv.batch * conv.groups
        splits = b.blocks // b.job_blocks
        jobs = shared * splits
        job_outputs = conv.outputs if splits == 1 else b.block
        over_jobs = T.parallel if jobs > 1 else T.serial
        waiting = (b.job_tiles, pixels * vectors, lanes) if chunks > 1 else (1, 1, 1)

        def first_row(v: Expr) -> Expr:
            return part_start(v % b.bands, b.job_rows, height)

        def first_output(v: Expr) -> Expr:
            first = v // (b.bands * conv.batch) % conv.groups * conv.outputs
            return first + part_start(v // shared, b.block, conv.outputs) if splits > 1 else first

        def add(sums, image, weights, n, y, x, group, ob, turn, step) -> None:
            """Write what adds the products of some steps of a run, from `step` on."""
            tap, channel = turn * run // channels, group * channels + step % channels
            inputs = [
                image[
                    n,
                    (y + p // columns) * stride_y + tap // conv.kernel[1] * dilation_y,
                    (x + p % columns) * stride_x
                    + tap % conv.kernel[1] * dilation_x
                    + step // channels,
                    span(channel, together),
                ]
                for p in range(pixels)
            ]
            rows = [
                [
                    weights[group, ob, turn * run + step + s, span(vector * lanes, lanes)]
                    for vector in range(vectors)
                ]
                for s in range(together)
            ]
            add_products(sums, inputs, rows, lanes)

        @T.prim_func(s_tir=True, private=True)
        def core(
            image: T.Buffer(image.shape, "float32"),
            weights: T.Buffer(weights.shape, "float32"),
            result: T.Buffer((conv.batch, height, width, conv.groups * conv.outputs), "float32"),
        ):
            for job in over_jobs(jobs):
                with T.sblock("pixels_by_outputs"):
                    v = T.axis.spatial(jobs, job)
                    n: T.let = v // b.bands % conv.batch
                    group: T.let = v // (b.bands * conv.batch) % conv.groups
                    top: T.let = first_row(v)
                    first: T.let = v // shared * b.job_blocks
                    T.sblock_attr({OWNS_RESULT: True})
                    T.reads(image[v // b.bands % conv.batch, :, :, :], weights[:, :, :, :])
                    T.writes(
                        result[
                            v // b.bands % conv.batch,
                            first_row(v) : first_row(v) + b.job_rows,
                            :,
                            first_output(v) : first_output(v) + job_outputs,
                        ]
                    )
                    sums = T.sblock_alloc_buffer(
                        (pixels * vectors, lanes), "float32", scope="local"
                    )
                    parts = T.sblock_alloc_buffer(waiting, "float32")
                    for block in range(b.job_blocks):
                        ob: T.let = first + block
                        if chunks > 1:
                            for t, s in T.grid(b.job_tiles, pixels * vectors):
                                for o in T.vectorized(lanes):
                                    parts[t, s, o] = T.float32(0)
                        for chunk, t in T.grid(chunks, b.job_tiles):
                            y: T.let = top + t // b.across * rows
                            x: T.let = part_start(t % b.across, columns, width)
                            for s in T.unroll(pixels * vectors):
                                for o in T.vectorized(lanes):
                                    if chunks > 1:
                                        sums[s, o] = parts[t, s, o]
                                    else:
                                        sums[s, o] = T.float32(0)
                            for turn in range(turns):
                                for step in range(run // together):
                                    add(
                                        sums,
                                        image,
                                        weights,
                                        n,
                                        y,
                                        x,
                                        group,
                                        ob,
                                        chunk * turns + turn,
                                        step * together,
                                    )
                            for s in T.unroll(pixels * vectors):
                                for o in T.vectorized(lanes):
                                    if chunks > 1:
                                        parts[t, s, o] = sums[s, o]
                            for p in T.unroll(pixels):
                                for vector in T.unroll(vectors):
                                    for o in T.vectorized(lanes):
                                        result[
                                            n,
                                            y + p // columns,
                                            x + p % columns,
                                            group * conv.outputs
                                            + part_start(ob, b.block, conv.outputs)
                                            + vector * lanes
                                            + o,
                                        ] = sums[p * vectors + vector, o]

        return core


def pack_blocks(weight: te.Tensor, layout: str, groups: int, block: int) -> te.Tensor:
    """Return weights as float32 (groups, blocks of outputs, kh*kw*C, block of outputs)."""
    size = {axis: int(extent) for axis, extent in zip(layout, weight.shape, strict=True)}
    outputs, channels = size["O"] // groups, size["I"]
    kh, kw = size.get("H", 1), size.get("W", 1)

    def element(group: Expr, ob: Expr, step: Expr, o: Expr) -> Expr:
        tap = step // channels
        place = {
            "O": group * outputs + part_start(ob, block, outputs) + o,
            "I": step % channels,
            "H": tap // kw,
            "W": tap % kw,
        }
        return weight(*(place[axis] for axis in layout)).astype("float32")

    return te.compute(
        (groups, -(-outputs // block), channels * kh * kw, block),
        element,
        name="pack_blocks",
    )
