"""The core of float convolutions: channels last, a tile of pixels and outputs in registers.

At every step (a tap and an input channel) a few vectors of weights are loaded, and the input
value of every pixel of the tile is multiplied with each of them. Weights lie in the order in which
the steps take them, so they stream. The taps of one row of a kernel and their channels are
neighbours in a channels-last image, so that a *run* of steps reads each pixel's input in one line.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from tvm import te
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from .blocking import Blocking
from .emit import core_stage
from .planes import Convolution

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

    def _load(
        self, image: te.Tensor, pixel: tuple[Expr, Expr, Expr], group: Expr, turn: Expr, step: Expr
    ) -> Expr:
        """Return the input of an output pixel (n, y, x) at a step of a run."""
        conv, (n, y, x) = self.conv, self._place(*pixel)
        (stride_y, stride_x), (dilation_y, dilation_x) = (
            conv.geometry.strides,
            conv.geometry.dilation,
        )
        tap = turn * self.blocking.run // conv.channels
        i, j = tap // conv.kernel[1], tap % conv.kernel[1]
        return image[
            n,
            y * stride_y + i * dilation_y,
            x * stride_x + j * dilation_x + step // conv.channels,
            group * conv.channels + step % conv.channels,
        ]

    def _place(self, n: Expr, y: Expr, x: Expr) -> tuple[Expr, Expr, Expr]:
        """Return image, row and column of an output pixel as the loops count them."""
        if not self.blocking.flat:
            return n, y, x
        height, width = self.conv.output_size
        return x // (height * width), x // width % height, x % width

    def _core(self, image: te.Tensor, weights: te.Tensor) -> PrimFunc:
        conv, b = self.conv, self.blocking
        lanes, vectors, run, chunks = b.lanes, b.tile.vectors, b.run, b.chunks
        rows, columns, pixels = b.tile.rows, b.tile.columns, b.tile.pixels
        turns = conv.taps * conv.channels // run // chunks
        shared = b.bands * b.images * conv.groups
        jobs = shared * (b.blocks // b.job_blocks)
        waiting = (b.job_tiles, pixels * vectors, lanes) if chunks > 1 else (1, 1, 1)

        @T.prim_func(s_tir=True, private=True)
        def core(
            image: T.Buffer(image.shape, "float32"),
            weights: T.Buffer(weights.shape, "float32"),
            result: T.Buffer(
                (conv.batch, *conv.output_size, conv.groups * conv.outputs), "float32"
            ),
        ):
            for job in T.parallel(jobs):
                with T.sblock("pixels_by_outputs"):
                    v = T.axis.spatial(jobs, job)
                    sums = T.sblock_alloc_buffer(
                        (pixels * vectors, lanes), "float32", scope="local"
                    )
                    parts = T.sblock_alloc_buffer(waiting, "float32")
                    n: T.let = v // b.bands % b.images
                    group: T.let = v // (b.bands * b.images) % conv.groups
                    band: T.let = _start(v % b.bands, b.job_tiles, b.tiles)
                    for block in range(b.job_blocks):
                        ob: T.let = v // shared * b.job_blocks + block
                        if chunks > 1:
                            for t, s in T.grid(b.job_tiles, pixels * vectors):
                                for o in T.vectorized(lanes):
                                    parts[t, s, o] = T.float32(0)
                        for chunk, t in T.grid(chunks, b.job_tiles):
                            y: T.let = _start((band + t) // b.across, rows, b.height)
                            x: T.let = _start((band + t) % b.across, columns, b.width)
                            for s in T.unroll(pixels * vectors):
                                for o in T.vectorized(lanes):
                                    if chunks > 1:
                                        sums[s, o] = parts[t, s, o]
                                    else:
                                        sums[s, o] = T.float32(0)
                            for turn in range(turns):
                                for step in range(run):
                                    for p in T.unroll(pixels):
                                        for vector in T.unroll(vectors):
                                            for o in T.vectorized(lanes):
                                                sums[p * vectors + vector, o] = sums[
                                                    p * vectors + vector, o
                                                ] + (
                                                    self._load(
                                                        image,
                                                        (n, y + p // columns, x + p % columns),
                                                        group,
                                                        chunk * turns + turn,
                                                        step,
                                                    )
                                                    * weights[
                                                        group,
                                                        ob,
                                                        (chunk * turns + turn) * run + step,
                                                        vector * lanes + o,
                                                    ]
                                                )
                            for s in T.unroll(pixels * vectors):
                                for o in T.vectorized(lanes):
                                    if chunks > 1:
                                        parts[t, s, o] = sums[s, o]
                            for p in T.unroll(pixels):
                                for vector in T.unroll(vectors):
                                    for o in T.vectorized(lanes):
                                        result[
                                            *self._place(n, y + p // columns, x + p % columns),
                                            group * conv.outputs
                                            + _start(ob, b.block, conv.outputs)
                                            + vector * lanes
                                            + o,
                                        ] = sums[p * vectors + vector, o]

        return core


def pack_blocks(weight: te.Tensor, layout: str, groups: int, block: int) -> te.Tensor:
    """Return weights as float32 (groups, blocks of outputs, kh*kw*C, block of outputs)."""
    size = {axis: int(extent) for axis, extent in zip(layout, weight.shape, strict=True)}
    outputs, channels, kw = size["O"] // groups, size["I"], size["W"]

    def element(group: Expr, ob: Expr, step: Expr, o: Expr) -> Expr:
        tap = step // channels
        place = {
            "O": group * outputs + _start(ob, block, outputs) + o,
            "I": step % channels,
            "H": tap // kw,
            "W": tap % kw,
        }
        return weight(*(place[axis] for axis in layout)).astype("float32")

    return te.compute(
        (groups, -(-outputs // block), channels * size["H"] * kw, block),
        element,
        name="pack_blocks",
    )


def _start(number: Expr, size: int, extent: int) -> Expr:
    """Return where a part begins: the last one is moved back where it would reach past the end."""
    first = number * size
    return first if extent % size == 0 else T.min(first, extent - size)
