"""The kernel of `subset_gather`: the stages made from its sizes."""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from dataclasses import dataclass, replace

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..emit import OWNS_RESULT, core_stage
from ..pack_signs import pack_stage
from ..planes import whole
from .block import GatherBlock, Work
from .elements import SIGNS
from .image_planes import ImagePlanes, planes_of_channels_last
from .sizes import GatherSizes
from .transpose import SCRATCH
from .unpack_signs import unpack_signs

NAME = "subset_gather"


@dataclass(frozen=True)
class GatherCore:
    """The kernel of one call."""

    sizes: GatherSizes

    @property
    def block(self) -> GatherBlock:
        """What computes a block of pixels."""
        return GatherBlock(self.sizes)

    def compute(self, data: te.Tensor, picks: te.Tensor, pieces: te.Tensor) -> te.Tensor:
        """Stages from the data to the result; see the module's description."""
        if self.sizes.band:
            core = self._core_of_bands(data, picks, pieces)
            return self._as_result(core_stage(NAME, core, data, picks, pieces))
        planes = self._read(data)
        core = self._core(planes, picks, pieces)
        return self._write(core_stage(NAME, core, planes, picks, pieces))

    def _read(self, data: te.Tensor) -> te.Tensor:
        """Stage that brings the data into planes."""
        conv, channels = self.sizes.conv, self.sizes.filled_channels
        channels_last = conv.geometry.data_layout == "NHWC"
        if self.sizes.elements.data != SIGNS:
            if self.sizes.moves_squares:
                return core_stage(
                    NAME, planes_of_channels_last(self.sizes.planes, data, channels), data
                )
            return self.sizes.planes.read(data, channels)
        if not channels_last:
            return self.sizes.planes.read(data, channels)
        if str(data.dtype) == "int8":
            data = pack_stage(data, conv.groups, "NHWC", self.sizes.features)
        signs = core_stage(NAME, unpack_signs(data, conv.groups, conv.channels), data)
        image = te.compute(
            (conv.batch, conv.groups * conv.channels, conv.height, conv.width),
            lambda n, c, y, x: signs[n, c, y * conv.width + x],
            name="signs",
        )
        unpacked = replace(conv, geometry=replace(conv.geometry, data_layout="NCHW"))
        return replace(self.sizes.planes, conv=unpacked).read(image, channels)

    def _as_result(self, image: te.Tensor) -> te.Tensor:
        """Stage that gives an image the dtype of the operator's result."""
        dtype = self.sizes.elements.operator_result
        if str(image.dtype) == dtype:
            return image
        return te.compute(image.shape, lambda *at: image(*at).astype(dtype), name="image")

    def _write(self, flat: te.Tensor) -> te.Tensor:
        """Stage that takes the result into the data layout: a plain rearrangement."""
        conv, dtype = self.sizes.conv, self.sizes.elements.operator_result
        if conv.geometry.data_layout == "NCHW":
            return self.sizes.planes.write(flat, dtype, group_rows=self.sizes.filled_outputs)
        filled, height_width = self.sizes.filled_outputs, conv.output_size
        sizes = conv.geometry.in_layout(conv.batch, conv.groups * conv.outputs, *height_width)

        def pixel(n: Expr, y: Expr, x: Expr, o: Expr) -> Expr:
            row = o if filled == conv.outputs else o // conv.outputs * filled + o % conv.outputs
            return flat[n, y * self.sizes.planes.pitch + x, row].astype(dtype)

        return te.compute([tirx.IntImm("int64", size) for size in sizes], pixel, name="image")

    def _core(self, planes: te.Tensor, picks: te.Tensor, pieces: te.Tensor) -> PrimFunc:
        sizes, conv, layout = self.sizes, self.sizes.conv, self.sizes.planes
        lanes, vectors = sizes.lanes, sizes.vectors
        block, blocks, splits, span = sizes.block, layout.blocks, sizes.splits, sizes.span
        jobs = conv.batch * conv.groups * splits * blocks
        filled, channels = conv.groups * sizes.filled_outputs, sizes.filled_channels
        channels_last = conv.geometry.data_layout == "NHWC"
        pixels = blocks * block
        shape = (conv.batch, pixels, filled) if channels_last else (conv.batch, filled, pixels)

        def place(n: Expr, q: Expr, px: Expr) -> list[Expr]:
            return [n, q + px]

        @T.prim_func(s_tir=True, private=True)
        def core(
            planes: T.Buffer(planes.shape, sizes.elements.data),
            picks: T.Buffer(picks.shape, sizes.picks.dtype),
            pieces: T.Buffer(pieces.shape, sizes.responses.place_type(block)),
            flat: T.Buffer(shape, sizes.result),
        ):
            for job in T.parallel(jobs):
                with T.sblock("block_of_pixels"):
                    v = T.axis.spatial(jobs, job)
                    T.reads(whole(planes), whole(picks), whole(pieces))
                    T.writes(whole(flat))
                    work = T.meta_var(self.block.allocate())
                    n: T.let = v // (conv.groups * splits * blocks)
                    group: T.let = v // (splits * blocks) % conv.groups
                    split: T.let = v // blocks % splits
                    q: T.let = v % blocks * block
                    first: T.let = (group * splits + split) * span
                    self.block.add_up(
                        (planes, picks, pieces),
                        work,
                        (n, group, split, q),
                        group * channels,
                        vectors,
                    )
                    if channels_last:
                        self.block.store_rows(work, flat, first, place, (n, q), vectors)
                    else:
                        for o in range(span):
                            for vector in T.unroll(vectors):
                                for px in T.vectorized(lanes):
                                    flat[n, first + o, q + vector * lanes + px] = work.results[
                                        o, vector, px
                                    ]

        return core

    def _core_of_bands(self, data: te.Tensor, picks: te.Tensor, pieces: te.Tensor) -> PrimFunc:
        """Return the core whose jobs are bands of rows, from the data to the result.

        Numbers of pixels count from a band's first one. Pixels are stored in order, so that what
        belongs to none of them goes where the next one is stored. The last vectors end with one.
        """
        sizes, conv = self.sizes, self.sizes.conv
        layout, rows = sizes.planes, sizes.band
        block, outputs = sizes.block, conv.outputs
        height, width = conv.output_size
        bands, channels = -(-height // rows), sizes.filled_channels
        jobs = conv.batch * conv.groups * bands
        filler = ImagePlanes(layout, channels)
        run, runs = filler.run, filler.runs
        stride, top = conv.geometry.strides[0], conv.geometry.padding[0]

        def region(image: tirx.Buffer, v: Expr) -> tirx.BufferRegion:
            y, o = T.min(v % bands * rows, height - rows), v // bands % conv.groups * outputs
            n = v // (bands * conv.groups)
            return image[n, y : y + rows, 0:width, o : o + outputs]

        def place(n: Expr, first: Expr, q: Expr, px: Expr) -> list[Expr]:
            y, x = first + (q + px) // layout.pitch, (q + px) % layout.pitch
            return [n, y + T.Cast("int32", x >= width), T.Select(x < width, x, T.int32(0))]

        def add_up(
            operands: tuple[tirx.Buffer, ...],
            work: Work,
            image: tirx.Buffer,
            at: tuple[Expr, Expr, Expr],
        ) -> None:
            n, group, first = at

            def vectors_from(q: Expr, vectors: int) -> None:
                zero = T.int32(0)
                self.block.add_up(operands, work, (zero, group, zero, q), zero, vectors)
                self.block.store_rows(work, image, group * outputs, place, (n, first, q), vectors)

            blocks, rest = divmod(layout.pixels, sizes.block)
            with T.serial(blocks) as block:
                vectors_from(block * sizes.block, sizes.vectors)
            if rest:
                pixels = -(-rest // sizes.step) * sizes.step
                vectors_from(T.int32(layout.pixels - pixels), pixels // sizes.lanes)

        @T.prim_func(s_tir=True, private=True)
        def core(
            data: T.Buffer(data.shape, sizes.elements.data),
            picks: T.Buffer(picks.shape, sizes.picks.dtype),
            pieces: T.Buffer(pieces.shape, sizes.responses.place_type(block)),
            image: T.Buffer((conv.batch, height, width, conv.groups * outputs), sizes.result),
        ):
            for job in T.parallel(jobs):
                with T.sblock("band_of_rows"):
                    v = T.axis.spatial(jobs, job)
                    T.reads(whole(data), whole(picks), whole(pieces))
                    T.writes(region(image, v))
                    T.sblock_attr({OWNS_RESULT: True})
                    work = T.meta_var(self.block.allocate())
                    squares = T.sblock_alloc_buffer(SCRATCH, sizes.elements.data)
                    planes = T.sblock_alloc_buffer(layout.shape(channels), sizes.elements.data)
                    n: T.let = v // (conv.groups * bands)
                    group: T.let = v // bands % conv.groups
                    y: T.let = T.min(v % bands * rows, height - rows)
                    for part in range(runs):
                        filler.fill(
                            (data, planes, squares),
                            (n, T.int32(0)),
                            (group * conv.channels + part * run, part * run),
                            y * stride - top,
                            conv.height,
                        )
                    filler.clear(planes, T.int32(0), 0)
                    add_up((planes, picks, pieces), work, image, (n, group, y))

        return core
