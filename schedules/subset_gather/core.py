"""The kernel of `subset_gather`: its sizes, and the stages made from them."""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...target import Features
from ..emit import core_stage
from ..pack_signs import pack_stage
from ..planes import Convolution, Planes, whole
from .float_planes import planes_of_channels_last
from .picks import Picks
from .responses import Responses
from .transpose import SCRATCH, SQUARE, transpose_square
from .unpack_signs import unpack_signs

NAME = "subset_gather"
VECTORS = (1, 2, 4)
"""Vectors of pixels in a block."""
CHUNKS = (2, 4, 6, 8, 10, 12, 14, 16, 20)
"""Units whose responses are kept together; the gather is unrolled over them."""
CACHE_BYTES = 16 * 1024
"""Responses that the first-level data cache may hold: totals and indices pass through it too."""
_INT8_MAX = 127
_JOBS = 2
"""Jobs below which outputs are split; each part computes the responses again."""
_CYCLES = {"int8": 0.75, "float32": 0.42}
"""Cycles of a vector instruction."""
_NEON_CYCLES = {"int8": 1.3, "float32": 1.2}
"""The same on ARM, where additions do not read memory; by llvm-mca's model of the Cortex-A72."""
_WIDENING = 5
"""Instructions that add the sum of a chunk to an output's total."""


class GatherCore:
    """The kernel of one call: its sizes, and the stages made from them."""

    def __init__(
        self,
        conv: Convolution,
        responses: Responses,
        unit: int,
        dtype: str,
        features: Features,
        config: dict[str, int],
    ) -> None:
        """Size the kernel for data of `dtype`, float32 or int8; `config` holds chosen knobs."""
        self.conv, self.responses, self.unit, self.dtype = conv, responses, unit, dtype
        self.features = features
        self.units = conv.channels // unit
        bytes_ = 1 if dtype == "int8" else 4
        self.lanes = features.vector_bytes // bytes_
        vectors = config.get("vectors", self._best_vectors(features.vector_bytes))
        self.vectors = max(vectors, SQUARE // self.lanes)
        self.block = self.lanes * self.vectors
        self.planes = Planes(conv, self.block)
        self.chunk = self._chunk(config.get("chunk", CACHE_BYTES // (self.table * bytes_)))
        self.chunks = -(-self.units // self.chunk)
        jobs = conv.batch * conv.groups * self.planes.blocks
        self.splits = min(max(1, _JOBS // jobs), -(-conv.outputs // SQUARE))
        self.span = -(-conv.outputs // (self.splits * SQUARE)) * SQUARE

    @property
    def total(self) -> str:
        """Dtype that holds every result, in which chunks are summed up."""
        if self.dtype != "int8":
            return self.dtype
        return "int16" if self.conv.channels * self.conv.taps < 2**15 else "int32"

    @property
    def picks(self) -> Picks:
        """How the picks of outputs are kept."""
        return Picks(self.responses.kernels, self.chunk, self.features.vector_bytes)

    @property
    def filled_units(self) -> int:
        """Units of a group with those of zero data that fill the last chunk."""
        return self.chunks * self.chunk

    @property
    def filled_outputs(self) -> int:
        """Outputs of a group with those that fill the last square of the last part."""
        return self.splits * self.span

    def compute(self, data: te.Tensor, picks: te.Tensor, pieces: te.Tensor) -> te.Tensor:
        """Stages from the data to the result; see the module's description."""
        planes = self._read(data)
        core = self._core(planes, picks, pieces)
        return self._write(core_stage(NAME, core, planes, picks, pieces))

    def cycles(self) -> float:
        """Estimate the cycles of the kernel."""
        jobs = self.conv.batch * self.conv.groups * self.planes.blocks
        gather = self.conv.outputs * (self.chunk + _WIDENING)
        response = self.splits * self.chunk * self.responses.instructions
        cycles = (_NEON_CYCLES if self.features.neon else _CYCLES)[self.dtype]
        return cycles * jobs * self.vectors * self.chunks * (gather + response)

    @property
    def table(self) -> int:
        """Elements of the table of a unit's responses."""
        return self.responses.kernels * self.block

    def _best_vectors(self, vector_bytes: int) -> int:
        """Return two vectors of floats a block, to share index loads, unless that is too much.

        Signs take one: longer chunks, which are widened less often, matter more to them.
        """
        pixels = Planes(self.conv, self.lanes).blocks
        few = self.responses.kernels * 2 * vector_bytes > CACHE_BYTES
        return 1 if few or pixels < 2 or self.dtype == "int8" else 2

    def _chunk(self, wanted: int) -> int:
        """Return the units of a chunk, so that chunks are of about equal size."""
        longest = min(max(1, wanted), CHUNKS[-1], self.units)
        if self.dtype == "int8":
            longest = min(longest, _INT8_MAX // self.responses.weights)
        return -(-self.units // -(-self.units // longest))

    def _read(self, data: te.Tensor) -> te.Tensor:
        """Stage that brings the data into planes."""
        conv, channels = self.conv, self.filled_units * self.unit
        channels_last = conv.geometry.data_layout == "NHWC"
        if self.dtype == "float32":
            if channels_last and channels % SQUARE == 0 == conv.channels % SQUARE:
                return core_stage(NAME, planes_of_channels_last(self.planes, data, channels), data)
            return self.planes.read(data, channels)
        if not channels_last:
            return self.planes.read(data, channels)
        if str(data.dtype) == "int8":
            data = pack_stage(data, conv.groups, "NHWC", self.features)
        signs = core_stage(NAME, unpack_signs(data, conv.groups, conv.channels), data)
        image = te.compute(
            (conv.batch, conv.groups * conv.channels, conv.height, conv.width),
            lambda n, c, y, x: signs[n, c, y * conv.width + x],
            name="signs",
        )
        unpacked = replace(conv, geometry=replace(conv.geometry, data_layout="NCHW"))
        return replace(self.planes, conv=unpacked).read(image, channels)

    def _write(self, flat: te.Tensor) -> te.Tensor:
        """Stage that takes the result into the data layout: a plain rearrangement."""
        conv, dtype = self.conv, "int32" if self.dtype == "int8" else self.dtype
        if conv.geometry.data_layout == "NCHW":
            return self.planes.write(flat, dtype, group_rows=self.filled_outputs)
        filled, height_width = self.filled_outputs, conv.output_size
        sizes = conv.geometry.in_layout(conv.batch, conv.groups * conv.outputs, *height_width)

        def pixel(n: Expr, y: Expr, x: Expr, o: Expr) -> Expr:
            row = o if filled == conv.outputs else o // conv.outputs * filled + o % conv.outputs
            return flat[n, y * self.planes.pitch + x, row].astype(dtype)

        return te.compute([tirx.IntImm("int64", size) for size in sizes], pixel, name="image")

    def _respond(
        self,
        buffers: tuple[tirx.Buffer, ...],
        n: Expr,
        channel: Expr,
        q: Expr,
        first: Expr,
    ) -> None:
        """Write what computes a unit's responses to pixels from q on, as elements from `first` on.

        Those of a vector of pixels lie together. `buffers` are planes, pieces, registers, sums and
        responses.
        """
        planes, pieces, registers, sums, table = buffers
        conv, lanes, block = self.conv, self.lanes, self.block
        kernels, kw = self.responses.kernels, conv.kernel[1]

        def vectors_of(v: Expr) -> tuple[Callable[[int], Expr], Callable[[int, Expr], None]]:
            def load(t: int) -> Expr:
                tap = t % conv.taps // kw, t % kw
                at = channel + t // conv.taps
                return self.planes.load_vector(planes, n, at, q + v * lanes, tap, lanes)

            def store(k: int, response: Expr) -> None:
                place = T.ramp(first + (v * kernels + k) * lanes, 1, lanes)
                T.buffer_store(table, response, [place])

            return load, store

        if self.responses.known:
            with T.serial(self.vectors) as v:
                self.responses.compute_known(registers, *vectors_of(v))
            return
        with T.serial(self.vectors) as v:
            load, _ = vectors_of(v)

            def store_sum(which: int, value: Expr) -> None:
                T.buffer_store(sums, value, [T.ramp(which * block + v * lanes, 1, lanes)])

            zero = T.broadcast(tirx.const(0, self.dtype), lanes)
            self.responses.store_sums(load, store_sum, zero)
        with T.serial(self.responses.kernels) as k, T.unroll(self.vectors) as v:
            terms = [
                sums[T.ramp(T.Cast("int32", pieces[k, p]) + v * lanes, 1, lanes)]
                for p in range(self.responses.pieces)
            ]
            place = T.ramp(first + (v * kernels + k) * lanes, 1, lanes)
            T.buffer_store(table, reduce(add, terms), [place])

    def _gather(
        self, table: tirx.Buffer, totals: tirx.Buffer, o: Expr, words: Sequence[Expr]
    ) -> None:
        """Write what adds an output's picks, one of each unit of a chunk, to its totals."""
        lanes = self.lanes
        own = self.responses.kernels * lanes
        picks = self.picks.read([T.bind(word) for word in words], 1 if self.dtype == "int8" else 4)
        for v in range(self.vectors):
            place = [o, v, T.ramp(0, 1, lanes)]
            picked = [
                table[T.ramp(pick + (u * self.vectors + v) * own, 1, lanes)]
                for u, pick in enumerate(picks)
            ]
            if self.total == self.dtype:
                value = reduce(add, picked, totals[tuple(place)])
            else:
                chunk = T.Cast(f"{self.total}x{lanes}", reduce(add, picked))
                value = totals[tuple(place)] + chunk
            T.buffer_store(totals, value, place)

    def _store_rows(
        self,
        scratch: tirx.Buffer,
        totals: tirx.Buffer,
        flat: tirx.Buffer,
        n: Expr,
        first: Expr,
        q: Expr,
    ) -> None:
        """Write what stores totals channels last, outputs from `first` on, square by square."""
        lanes = self.lanes
        with T.serial(self.span // SQUARE) as row, T.serial(self.block // SQUARE) as column:

            def load(o: int, px: int, count: int) -> Expr:
                at = column * SQUARE + px
                return totals[row * SQUARE + o, at // lanes, T.ramp(at % lanes, 1, count)]

            def store(px: int, outputs: Expr) -> None:
                place = T.ramp(first + row * SQUARE, 1, SQUARE)
                T.buffer_store(flat, outputs, [n, q + column * SQUARE + px, place])

            transpose_square(scratch, load, store)

    def _core(self, planes: te.Tensor, picks: te.Tensor, pieces: te.Tensor) -> PrimFunc:
        conv, layout = self.conv, self.planes
        dtype, total, lanes, vectors = self.dtype, self.total, self.lanes, self.vectors
        block, blocks, splits, span = self.block, layout.blocks, self.splits, self.span
        chunk, chunks, channels = self.chunk, self.chunks, self.filled_units * self.unit
        jobs = conv.batch * conv.groups * splits * blocks
        filled, unit = conv.groups * self.filled_outputs, self.unit
        channels_last = conv.geometry.data_layout == "NHWC"
        pixels = blocks * block
        shape = (conv.batch, pixels, filled) if channels_last else (conv.batch, filled, pixels)

        @T.prim_func(s_tir=True, private=True)
        def core(
            planes: T.Buffer(planes.shape, dtype),
            picks: T.Buffer(picks.shape, self.picks.dtype),
            pieces: T.Buffer(pieces.shape, self.responses.place_type(block)),
            flat: T.Buffer(shape, total),
        ):
            for job in T.parallel(jobs):
                with T.sblock("block_of_pixels"):
                    v = T.axis.spatial(jobs, job)
                    T.reads(whole(planes), whole(picks), whole(pieces))
                    T.writes(whole(flat))
                    registers = T.sblock_alloc_buffer(
                        (*self.responses.registers, lanes), dtype, scope="local"
                    )
                    scratch = T.sblock_alloc_buffer(SCRATCH, total, scope="local")
                    sums = T.sblock_alloc_buffer((self.responses.stored * block,), dtype)
                    table = T.sblock_alloc_buffer((chunk * self.table,), dtype)
                    totals = T.sblock_alloc_buffer((span, vectors, lanes), total)
                    n: T.let = v // (conv.groups * splits * blocks)
                    group: T.let = v // (splits * blocks) % conv.groups
                    split: T.let = v // blocks % splits
                    q: T.let = v % blocks * block
                    first: T.let = (group * splits + split) * span
                    for o in range(span):
                        for vector in T.unroll(vectors):
                            for px in T.vectorized(lanes):
                                totals[o, vector, px] = T.Cast(total, 0)
                    for ch in range(chunks):
                        for u in range(chunk):
                            self._respond(
                                (planes, pieces, registers, sums, table),
                                n,
                                group * channels + (ch * chunk + u) * unit,
                                q,
                                u * self.table,
                            )
                        for o in range(T.min(span, conv.outputs - split * span)):
                            self._gather(
                                table,
                                totals,
                                o,
                                [
                                    picks[group, ch, split * span + o, word]
                                    for word in range(self.picks.words)
                                ],
                            )
                    if channels_last:
                        self._store_rows(scratch, totals, flat, n, first, q)
                    else:
                        for o in range(span):
                            for vector in T.unroll(vectors):
                                for px in T.vectorized(lanes):
                                    flat[n, first + o, q + vector * lanes + px] = totals[
                                        o, vector, px
                                    ]

        return core
