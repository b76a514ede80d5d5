"""The kernel of strategy `subset_lookup`: its sizes, its stages, and what it costs.

See `subset_lookup` for how it works.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...ops.operator import PACKED
from ...target import Features
from ..borders import Borders
from ..emit import OWNS_RESULT, core_stage
from ..pack_signs import pack_stage
from ..planes import Convolution
from .byte_lookup import ByteLookup
from .framed_words import FramedWords, whole
from .segments import Segments
from .sign_codes import LANES, SignCodes, lanes_of
from .table import Table, sharable
from .tile_sums import TileSums

NAME = "subset_lookup"
_WIDENING, _RESULT, _JOB = 4, 20, 400
"""Cycles to widen a vector of sums, to make results of it, and to start and end a job."""
_SEGMENT, _SEGMENT_CODES = 28, 4096
"""Pixels of a segment, at most: few enough for their results to be written while the next ones are
added up. Where pixels have few codes, segments may be longer."""


class LookupCore:
    """The kernel of one call: its sizes, and the stages made from them."""

    def __init__(self, conv: Convolution, table: Table, segments: Segments, blocks: int) -> None:
        """Take the convolution, its table and segments, and the vectors of outputs of a tile."""
        self.conv, self.table, self.segments, self.blocks = conv, table, segments, blocks
        self.borders = Borders.of(conv)
        self.frame = FramedWords(conv, table)
        self.codes = SignCodes(conv, table, segments)
        self.tile_sums = TileSums(table, self.codes, segments.tile, blocks)

    @classmethod
    def of(
        cls,
        conv: Convolution,
        lookup: ByteLookup,
        subset: tuple[int, ...],
        units: int,
        config: dict[str, int],
    ) -> "LookupCore":
        """Return the cheapest kernel for a convolution, or the one that the knobs ask for.

        A group of outputs has so many `units` of a subset (K, g, kh, kw).
        """
        sharing = [1, 2] if sharable(lookup, subset, units) else [1]
        if "sharing" in config:
            sharing = [config["sharing"]]
        vectors = -(-conv.outputs // lookup.vector_bytes)
        choices = []
        for table in (Table(lookup, subset, units, number) for number in sharing):
            codes = table.cuts * lanes_of(conv, table)
            for blocks in (4, 2, 1):
                if vectors % blocks or blocks > config.get("blocks", 4):
                    continue
                for tile in _tiles(table, blocks, config):
                    most = config.get("segment", max(_SEGMENT, _SEGMENT_CODES // codes))
                    segments = Segments.of(conv, tile, codes, most)
                    choices.append(cls(conv, table, segments, blocks))
                if "blocks" in config:
                    break
        return min(choices, key=lambda choice: choice.cycles)

    @property
    def parts(self) -> int:
        """Parts of a group's outputs, each of as many vectors as a tile has."""
        return -(-self.conv.outputs // (self.blocks * self.table.lookup.vector_bytes))

    @property
    def cycles(self) -> float:
        """Estimated cycles; see the module's function of this name."""
        conv, table, segments = self.conv, self.table, self.segments
        runs = self.tile_sums.run_cycles * -(-table.units // table.run)
        widenings = _WIDENING * table.chunks * segments.tile * self.blocks
        pixel = self.codes.cycles + _RESULT * self.blocks * self.parts
        segment = self.parts * segments.tiles * (runs + widenings) + segments.filled * pixel
        return conv.batch * conv.groups * segments.count * (segment + _JOB)

    @property
    def _scratch(self) -> int:
        """Words that a job works in: codes, then sums of pixels and outputs."""
        sums = self.segments.filled * self.blocks * self.table.lookup.vector_bytes
        return 2 * self.codes.segment_codes + sums

    @property
    def filled_outputs(self) -> int:
        """Outputs of a group with those that fill a vector, where it has fewer."""
        return max(self.conv.outputs, self.table.lookup.vector_bytes)

    def compute(
        self,
        data: te.Tensor,
        rows: te.Tensor,
        lanes: te.Tensor,
        starts: te.Tensor,
        features: Features,
    ) -> te.Tensor:
        """Stages from the data to the result; see the module's description."""
        conv, geometry = self.conv, self.conv.geometry
        words = data
        if str(data.dtype) != PACKED:
            words = pack_stage(data, conv.groups, geometry.data_layout, features)
        zeros = core_stage(NAME, self.frame.find_zeros(words), words)
        padded = core_stage(NAME, self.frame.pad(words, zeros), words, zeros)
        core = self._accumulate(padded, zeros, rows, lanes, starts)
        sums = core_stage(NAME, core, padded, zeros, rows, lanes, starts)
        height, width = conv.output_size
        sizes = geometry.in_layout(conv.batch, conv.groups * conv.outputs, height, width)

        def pixel(n: Expr, y: Expr, x: Expr, o: Expr) -> Expr:
            if conv.groups > 1 and self.filled_outputs != conv.outputs:
                o = o // conv.outputs * self.filled_outputs + o % conv.outputs
            return sums[n, y, x, o].astype("int32")

        return te.compute(
            [tirx.IntImm("int64", size) for size in sizes],
            pixel if geometry.data_layout == "NHWC" else lambda n, o, y, x: pixel(n, y, x, o),
            name="image",
        )

    def _accumulate(
        self,
        padded: te.Tensor,
        zeros: te.Tensor,
        rows: te.Tensor,
        lanes: te.Tensor,
        starts: te.Tensor,
    ) -> PrimFunc:
        """Return the core: segment by segment, it makes codes, and adds responses up.

        The sums of a tile of pixels and some vectors of outputs are kept in registers.
        """
        conv, table, segments = self.conv, self.table, self.segments
        lookup, steps = table.lookup, table.steps
        tile, tiles, filled = segments.tile, segments.tiles, segments.filled
        blocks, parts, outputs = self.blocks, self.parts, self.filled_outputs
        chunks = table.chunks
        all_chunks = conv.groups * chunks
        size, half = lookup.vector_bytes, lookup.vector_bytes // 2
        pixel_codes = table.cuts * self.codes.lanes
        lookups, sum_chunk = self.tile_sums.lookups, self.tile_sums.sum_chunk()
        encode, count_parities = self.codes.encode(), self.codes.count_parities()
        borders = self.borders
        bytes_ = T.ramp(0, 1, size)
        byte_bits = T.broadcast(T.uint16(8), half)

        def pairs(total: tirx.Buffer, px: Expr, block: Expr) -> Expr:
            return T.reinterpret(f"uint16x{half}", total[px, block, bytes_])

        def region(sums: tirx.Buffer, v: Expr) -> tirx.BufferRegion:
            """Return the sums that a job makes."""
            y, x = segments.corner(v % segments.count)
            image = v // (segments.count * conv.groups)
            group = v // segments.count % conv.groups
            return sums[
                image,
                y : y + segments.rows,
                x : x + segments.span,
                group * outputs : group * outputs + outputs,
            ]

        def place(which: int, q: Expr, block: Expr) -> Expr:
            """Return where the sums of even bytes (0) or odd bytes (1) of a pixel are."""
            pixel = (which * filled + q) * blocks + block
            return 2 * self.codes.segment_codes + pixel * half

        @T.inline
        def set_sums(sums, total, first):
            for px in T.unroll(tile):
                for block in T.unroll(blocks):
                    sums[T.ramp(place(0, first + px, block), 1, half)] = pairs(total, px, block)
                    sums[T.ramp(place(1, first + px, block), 1, half)] = (
                        pairs(total, px, block) >> byte_bits
                    )

        @T.inline
        def add_sums(sums, total, first):
            for px in T.unroll(tile):
                for block in T.unroll(blocks):
                    low = T.meta_var(T.ramp(place(0, first + px, block), 1, half))
                    high = T.meta_var(T.ramp(place(1, first + px, block), 1, half))
                    sums[low] = sums[low] + pairs(total, px, block)
                    sums[high] = sums[high] + (pairs(total, px, block) >> byte_bits)

        @T.prim_func(s_tir=True, private=True)
        def accumulate(
            padded: T.Buffer(padded.shape, "uint64"),
            zeros: T.Buffer(zeros.shape, "uint8"),
            rows: T.Buffer(rows.shape, "uint8"),
            lanes: T.Buffer(lanes.shape, "uint8"),
            starts: T.Buffer(starts.shape, "uint16"),
            sums: T.Buffer((conv.batch, *conv.output_size, conv.groups * outputs), "int16"),
        ):
            for job in T.parallel(conv.batch * conv.groups * segments.count):
                with T.sblock("segment"):
                    v = T.axis.spatial(conv.batch * conv.groups * segments.count, job)
                    T.reads(whole(padded), whole(zeros), whole(rows), whole(lanes), whole(starts))
                    T.writes(region(sums, v))
                    T.sblock_attr({OWNS_RESULT: True})
                    # Small buffers without a scope are on the stack. Others are allocated at every
                    # job, which takes as long as some pixels do: there is one of them.
                    codes = T.sblock_alloc_buffer((self._scratch,), "uint16")
                    code = T.sblock_alloc_buffer((2, LANES), "uint16")
                    parity = T.sblock_alloc_buffer((self.codes.columns,), "uint64")
                    counts = T.sblock_alloc_buffer((filled,), "uint16")
                    entries = T.sblock_alloc_buffer((lookups, steps, size), "uint8")
                    found = T.sblock_alloc_buffer((lookups, blocks, size), "uint8")
                    total = T.sblock_alloc_buffer((tile, blocks, size), "uint8")
                    n: T.let = v // (segments.count * conv.groups)
                    group: T.let = v // segments.count % conv.groups
                    segment: T.let = v % segments.count
                    any_zero: T.let = T.Cast("int32", zeros[n, all_chunks])
                    for q in range(filled):
                        counts[q] = T.uint16(0)
                    for side in range(1 + any_zero):
                        for at in range((filled - segments.rows * segments.span) * pixel_codes):
                            codes[self.codes.place(side, segments.rows * segments.span, 0, at)] = (
                                T.uint16(0)
                            )
                        encode(padded, codes, code, side, n, group, segment)
                        count_parities(padded, counts, parity, side, n, group, segment)
                    for part in range(parts):
                        for step in range(chunks * (1 + any_zero)):
                            ch: T.let = step % chunks
                            turn: T.let = step // chunks
                            zero: T.let = T.Cast("int32", zeros[n, group * chunks + ch])
                            if turn <= zero:
                                for at in range(tiles):
                                    sum_chunk(
                                        rows,
                                        codes,
                                        lanes,
                                        total,
                                        entries,
                                        found,
                                        turn,
                                        group,
                                        part,
                                        ch,
                                        at * tile,
                                    )
                                    if step == 0:
                                        set_sums(codes, total, at * tile)
                                    else:
                                        add_sums(codes, total, at * tile)
                                    # In an image with zeros, what has none counts for both turns.
                                    if zero < any_zero:
                                        add_sums(codes, total, at * tile)
                        for q in range(segments.rows * segments.span):
                            y: T.let = segments.corner(segment)[0] + q // segments.span
                            x: T.let = segments.corner(segment)[1] + q % segments.span
                            for block in range(blocks):
                                first: T.let = T.min((part * blocks + block) * size, outputs - size)
                                for o in T.vectorized(half):
                                    sums[n, y, x, group * outputs + first + o] = T.Cast(
                                        "int16",
                                        starts[
                                            borders.row(y),
                                            borders.column(x),
                                            group,
                                            first + o,
                                        ]
                                        - (
                                            (
                                                (
                                                    codes[place(0, q, block) + o]
                                                    - (codes[place(1, q, block) + o] << T.uint16(8))
                                                )
                                                * T.uint16(2)
                                                + counts[q]
                                            )
                                            << T.Cast("uint16", 1 - any_zero)
                                        ),
                                    )
                                for o in T.vectorized(half):
                                    sums[n, y, x, group * outputs + first + half + o] = T.Cast(
                                        "int16",
                                        starts[
                                            borders.row(y),
                                            borders.column(x),
                                            group,
                                            first + half + o,
                                        ]
                                        - (
                                            (
                                                codes[place(1, q, block) + o] * T.uint16(2)
                                                + counts[q]
                                            )
                                            << T.Cast("uint16", 1 - any_zero)
                                        ),
                                    )

        return accumulate


def _tiles(table: Table, blocks: int, config: dict[str, int]) -> list[int]:
    """Return how many pixels' sums may be in registers, with so many vectors of outputs each."""
    registers = table.lookup.registers
    if table.sharing == 2:
        # Both sums of two pixels, what is found for them, their entries; and two constants.
        most = 2 * max(1, (registers - 2) // (3 * blocks + table.steps))
        if "pixels" in config:
            return [max(2, min(config["pixels"], most) // 2 * 2)]
        return list(range(min(8, most), most // 2 - 1, -2))
    if "pixels" in config:
        return [min(config["pixels"], registers * 3 // 4 // blocks)]
    most = min(8, (16 if registers == 32 else 6) // blocks)
    return list(range(most, most // 2, -1))
