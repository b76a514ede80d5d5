"""The kernel of strategy `subset_lookup` for NEON: one lookup serves 16 outputs of two pixels.

A response takes half a byte, if it is at most 15, and so the rows of two pixels are put together
to one, nibble by nibble, before it is looked up in. Rows in memory have those of two pieces (see
`neon_table`). What is found is added as bytes while no nibble
overflows, and then twice: as it is, to `all`, and shifted down by 4 bits, to `high`, the sums of
the second pixel. Those of the first one are all - 16 * high, modulo 256.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..emit import OWNS_RESULT
from ..near_cache import near_bytes, scattered_reads
from ..neon import Neon
from ..planes import Convolution
from .byte_lookup import ByteLookup
from .core import LookupCore
from .framed_words import whole
from .neon_codes import NeonCodes
from .neon_table import rows_bytes
from .neon_tile import NeonTile
from .segments import Segments
from .sign_codes import LANES, lanes_of
from .table import Table

_BYTES = 16
_BLOCKS = (8, 4, 2, 1)
_WIDENING, _RESULT, _CODE, _JOB = 4.6, 16, 1.0, 350
"""Cycles to widen a vector of sums, to make results of it, for one that making codes is estimated
to take, and to start and end a job."""
_SLOW_WIDENING, _SLOW_RESULT, _SLOW_CODE = 9, 60, 2.3
"""The same where instructions are counted."""
_LOOP, _LOSS = 4, 1.2
"""Instructions that count a loop's turns, and what loops lose to what a count leaves out."""
_WIDE_LOSS, _NARROW_LOSS = 1.14, 1.5
"""The same where instructions are counted, of 64 bits and of 32, whose few registers lose more."""
_LACKING = 1.1
"""Cycles, for one that is computed, with lines that the first cache lacks even where tables fit:
fitted to what the bench counts for the Cortex-A72 (`tvm_snn.bench.arm`)."""
_SHORT_LACKING = 1.02
"""The same for short segments that are parts of a row and have all outputs."""
_SEGMENTS = 28, 14
"""Pixels of a segment, at most: usually, and of short ones."""


class NeonLookupCore(LookupCore):
    """The kernel of one call: its sizes, and the stages made from them."""

    def __init__(
        self, conv: Convolution, table: Table, segments: Segments, blocks: int, neon: Neon
    ) -> None:
        """Take the convolution, its table and segments, the vectors of outputs, and NEON."""
        super().__init__(conv, table, segments, blocks)
        self.codes = NeonCodes(conv, table, segments)
        self.neon = neon

    @classmethod
    def on(
        cls,
        neon: Neon,
        conv: Convolution,
        lookup: ByteLookup,
        subset: tuple[int, ...],
        units: int,
        config: dict[str, int],
    ) -> "NeonLookupCore":
        """Return the cheapest kernel for a convolution, or the one that the knobs ask for.

        A group of outputs has so many `units` of a subset (K, g, kh, kw).
        """
        table = Table(lookup, subset, units, sharing=2)
        codes = table.cuts * lanes_of(conv, table)
        vectors = -(-conv.outputs // _BYTES)
        most = config.get("blocks", 8 if neon.wide else 4 // (table.row_bytes // _BYTES))
        choices = []
        for blocks in _BLOCKS:
            if blocks > most or (blocks > 1 and blocks >= 2 * vectors):
                continue
            for pixels in (4, 2) if blocks * 4 <= most * 2 else (2,):
                tile = config.get("pixels", pixels)
                for longest in (config["segment"],) if "segment" in config else _SEGMENTS:
                    segments = Segments.of(conv, tile, codes, longest)
                    choices.append(cls(conv, table, segments, blocks, neon))
            if "blocks" in config:
                break
        return min(choices, key=lambda choice: choice.cycles)

    @property
    def cycles(self) -> float:
        """Estimated cycles: what llvm-mca's models take for such loops, and what caches lack."""
        conv, table, segments, blocks = self.conv, self.table, self.segments, self.blocks
        vectors = blocks * self.parts
        slow = self.neon.counts_instructions
        widening, result, code, lacking = (
            (_SLOW_WIDENING, _SLOW_RESULT, _SLOW_CODE, 1.0)
            if slow
            else (_WIDENING, _RESULT, _CODE, _SHORT_LACKING if self._is_short else _LACKING)
        )
        runs = self._run_cycles * -(-table.units // table.run)
        widenings = widening * table.chunks * segments.tile * blocks
        pixel = code * self.codes.cycles + result * vectors
        segment = self.parts * segments.tiles * (runs + widenings) + segments.filled * pixel
        rows = scattered_reads(*self._reads, near_bytes(self.neon.recent))
        return conv.batch * conv.groups * segments.count * (lacking * segment + rows + _JOB)

    @property
    def _is_short(self) -> bool:
        """Whether all that a segment writes is little: it has all outputs of half a row, say."""
        segments = self.segments
        return self.parts == 1 and segments.across > 1 and segments.filled <= min(_SEGMENTS)

    @property
    def _reads(self) -> tuple[int, int, int]:
        """Reads of rows of the table in a segment, its bytes, and those that are in use beside it.

        These are the indices and codes of a chunk, and the sums of a segment.
        """
        table, filled, blocks = self.table, self.segments.filled, self.blocks
        reads = self.parts * filled * table.units * table.pieces
        indices = table.chunk * blocks * _BYTES
        codes = 2 * filled * table.chunk * table.pieces
        sums = 2 * filled * blocks * _BYTES
        return reads, rows_bytes(table), indices + codes + sums

    @property
    def _run_cycles(self) -> float:
        """Cycles of the units of a tile whose responses share bytes before they are split.

        The busiest of these: the pipes for vectors, the one for loads, what starts in a cycle.
        """
        table, blocks, pairs = self.table, self.blocks, self.segments.tile // 2
        registers = table.row_bytes // _BYTES
        lookup = self.neon.lookup_instructions(registers)
        vectors = pairs * blocks * (table.run * (lookup + 1) + 1)
        vectors += pairs * table.run * registers * (2 * table.pieces - 1)
        loads = table.run * (blocks + pairs * 2 * table.pieces * (registers + 1))
        if self.neon.counts_instructions:
            return (_WIDE_LOSS if self.neon.wide else _NARROW_LOSS) * (vectors + loads)
        return _LOSS * max(vectors / 2, loads, (vectors + 1.5 * loads + _LOOP) / 3)

    def _accumulate(
        self,
        padded: te.Tensor,
        zeros: te.Tensor,
        rows: te.Tensor,
        lanes: te.Tensor,
        starts: te.Tensor,
    ) -> PrimFunc:
        """Return the core: segment by segment, it makes codes, and adds responses up."""
        conv, table, segments = self.conv, self.table, self.segments
        parts, chunks, outputs = self.parts, table.chunks, self.filled_outputs
        tiles, pairs, all_chunks = segments.tiles, segments.tile // 2, conv.groups * table.chunks
        registers = table.row_bytes // _BYTES
        jobs = conv.batch * conv.groups * segments.count
        encode = self.codes.encode_segment()
        tile = NeonTile(table, segments, self.codes, self.borders, self.blocks, outputs, self.neon)

        def sum_once(operands, work, wide, results, at) -> None:
            """Write what makes results of a segment of an image without zeros."""
            if chunks > 1:
                with T.serial(chunks - 1) as ch, T.serial(tiles) as t:
                    tile.sum_chunk(operands, work, at, t, ch, 0)
                    if chunks == 2:
                        tile.widen(work, wide, t, keep=False)
                    else:
                        with T.If(ch == 0):
                            with T.Then():
                                tile.widen(work, wide, t, keep=False)
                            with T.Else():
                                tile.widen(work, wide, t, keep=True)
            with T.serial(tiles) as t:
                tile.sum_chunk(operands, work, at, t, chunks - 1, 0)
                tile.finish(work, wide, results, at, t)

        def sum_twice(operands, work, wide, results, at, zeros) -> None:
            """Write what does that for an image with zeros: chunks that have some take two turns.

            What has none counts for both.
            """
            n, group, *_ = at
            with T.serial(2 * chunks) as step:
                zero = zeros[n, group * chunks + step % chunks]
                with T.If(T.Cast("int32", zero) >= step // chunks), T.Then(), T.serial(tiles) as t:
                    tile.sum_chunk(operands, work, at, t, step % chunks, step // chunks)
                    for keep, first in ((False, step == 0), (True, step > 0)):
                        with T.If(first), T.Then(), T.If(zero == T.uint8(0)):
                            with T.Then():
                                tile.widen(work, wide, t, keep=keep, twice=True)
                            with T.Else():
                                tile.widen(work, wide, t, keep=keep)
            tile.finish_twice(wide, results, at)

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

        @T.prim_func(s_tir=True, private=True)
        def accumulate(
            padded: T.Buffer(padded.shape, "uint64"),
            zeros: T.Buffer(zeros.shape, "uint8"),
            rows: T.Buffer(rows.shape, "uint8"),
            lanes: T.Buffer(lanes.shape, "uint8"),
            starts: T.Buffer(starts.shape, "uint16"),
            sums: T.Buffer((conv.batch, *conv.output_size, conv.groups * outputs), "int16"),
        ):
            for job in T.parallel(jobs):
                with T.sblock("segment"):
                    v = T.axis.spatial(jobs, job)
                    T.reads(whole(padded), whole(zeros), whole(rows), whole(lanes), whole(starts))
                    T.writes(region(sums, v))
                    T.sblock_attr({OWNS_RESULT: True})
                    codes = T.sblock_alloc_buffer((2 * self.codes.segment_codes,), "uint16")
                    code = T.sblock_alloc_buffer((2, LANES), "uint16", scope="local")
                    parity = T.sblock_alloc_buffer((self.codes.columns,), "uint64")
                    counts = T.sblock_alloc_buffer((segments.filled,), "uint16")
                    table_ = T.sblock_alloc_buffer(
                        (pairs, table.run, registers, _BYTES), "uint8", scope="local"
                    )
                    all_ = T.sblock_alloc_buffer(
                        (pairs, self.blocks, _BYTES), "uint8", scope="local"
                    )
                    high = T.sblock_alloc_buffer(
                        (pairs, self.blocks, _BYTES), "uint8", scope="local"
                    )
                    wide = T.sblock_alloc_buffer((segments.filled, self.blocks, _BYTES), "uint16")
                    n: T.let = v // (segments.count * conv.groups)
                    group: T.let = v // segments.count % conv.groups
                    segment: T.let = v % segments.count
                    any_zero: T.let = T.Cast("int32", zeros[n, all_chunks])
                    encode(padded, codes, code, parity, counts, any_zero, n, group, segment)
                    for part in range(parts):
                        if any_zero == 0:
                            sum_once(
                                (rows, codes, lanes),
                                (table_, all_, high),
                                wide,
                                (counts, starts, sums),
                                (n, group, segment, part),
                            )
                        else:
                            sum_twice(
                                (rows, codes, lanes),
                                (table_, all_, high),
                                wide,
                                (counts, starts, sums),
                                (n, group, segment, part),
                                zeros,
                            )

        return accumulate
