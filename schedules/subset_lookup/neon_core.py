"""The kernel of strategy `subset_lookup` for NEON: one lookup serves 16 outputs of two pixels.

A response takes half a byte, if it is at most 15, and so the rows of two pixels are put together
to one, nibble by nibble, before it is looked up in. What is found is added as bytes while no nibble
overflows, and then twice: as it is, to `all`, and shifted down by 4 bits, to `high`, the sums of
the second pixel. Those of the first one are all - 16 * high, modulo 256.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from functools import reduce
from operator import add

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..emit import OWNS_RESULT
from ..near_cache import near_bytes, scattered_reads
from ..neon import Neon
from ..planes import Convolution
from .byte_lookup import NIBBLE_BITS, ByteLookup
from .core import LookupCore
from .framed_words import whole
from .neon_codes import NeonCodes
from .segments import Segments
from .sign_codes import LANES, lanes_of
from .table import Table

_BYTES = 16
_SHORTS = 8
_BLOCKS = (8, 4, 2, 1)
_WIDENING, _RESULT, _JOB = 4.6, 18, 350
"""Cycles to widen a vector of sums, to make results of it, and to start and end a job."""
_LOOP, _LOSS = 4, 1.2
"""Instructions that count a loop's turns, and what loops lose to what a count leaves out."""
_SEGMENT = 28
"""Pixels of a segment, at most."""


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
                segments = Segments.of(conv, tile, codes, config.get("segment", _SEGMENT))
                choices.append(cls(conv, table, segments, blocks, neon))
            if "blocks" in config:
                break
        return min(choices, key=lambda choice: choice.cycles)

    @property
    def cycles(self) -> float:
        """Estimated cycles: what llvm-mca's models take for such loops, and what caches lack."""
        conv, table, segments, blocks = self.conv, self.table, self.segments, self.blocks
        vectors = blocks * self.parts
        runs = self._run_cycles * -(-table.units // table.run)
        widenings = _WIDENING * table.chunks * segments.tile * blocks
        pixel = self.codes.cycles + _RESULT * vectors
        segment = self.parts * segments.tiles * (runs + widenings) + segments.filled * pixel
        lacking = scattered_reads(*self._reads, near_bytes(self.neon.recent))
        return conv.batch * conv.groups * segments.count * (segment + lacking + _JOB)

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
        return reads, table.pieces * table.piece_bytes, indices + codes + sums

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
        if not self.neon.wide:
            return float(vectors + loads)
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
        conv, table, segments, neon = self.conv, self.table, self.segments, self.neon
        tile, tiles, filled = segments.tile, segments.tiles, segments.filled
        blocks, parts, outputs = self.blocks, self.parts, self.filled_outputs
        units, chunks, chunk, group_ = table.units, table.chunks, table.chunk, table.run
        all_chunks = conv.groups * chunks
        encode = self.codes.encode_segment()
        borders, pairs = self.borders, tile // 2
        bytes_ = T.ramp(0, 1, _BYTES)
        registers = table.row_bytes // _BYTES

        def row(
            rows: tirx.Buffer, codes: tirx.Buffer, turn: Expr, q: Expr, u: Expr, register: int
        ) -> Expr:
            """Return 16 bytes of the row of responses of a unit at a pixel."""
            pieces = []
            for piece in range(table.pieces):
                lane = u * (table.unit // table.code_channels) + piece // table.cuts
                code = codes[self.codes.place(turn, q, piece % table.cuts, lane)]
                start = piece * table.piece_bytes + register * _BYTES
                pieces.append(rows[T.ramp(start + T.Cast("int32", code), 1, _BYTES)])
            return reduce(add, pieces)

        def look_up(
            rows, codes, lanes, table_, all_, high, at, turn, first, place, count: int
        ) -> None:
            """Write what adds the responses of `count` units, from `first` on, to the sums."""
            group, part = place
            for pair in range(pairs):
                for k in range(count):
                    for register in range(registers):
                        low, above = (
                            row(
                                rows, codes, turn, at * tile + 2 * pair + pixel, first + k, register
                            )
                            for pixel in (0, 1)
                        )
                        both = neon.put_above(low, above, NIBBLE_BITS)
                        T.buffer_store(table_, both, [pair, k, register, bytes_])
            for block in range(blocks):
                for pair in range(pairs):
                    found = reduce(
                        add,
                        (
                            neon.look_up(
                                [table_[pair, k, r, bytes_] for r in range(registers)],
                                lanes[group, part, first + k, block, 0, bytes_],
                            )
                            for k in range(count)
                        ),
                    )
                    shift = T.broadcast(T.uint8(NIBBLE_BITS), _BYTES)
                    here = [pair, block, bytes_]
                    T.buffer_store(all_, all_[pair, block, bytes_] + found, here)
                    T.buffer_store(high, high[pair, block, bytes_] + (found >> shift), here)

        def clear(all_, high) -> None:
            for pair in range(pairs):
                for block in range(blocks):
                    for sums in (all_, high):
                        T.buffer_store(sums, T.broadcast(T.uint8(0), _BYTES), [pair, block, bytes_])

        def add_sums(wide, all_, high, first, *, keep: bool, twice: bool) -> None:
            """Write what widens the sums of a tile and adds them to `wide`, or sets it."""
            for pair in range(pairs):
                for block in range(blocks):
                    above = high[pair, block, bytes_]
                    low = all_[pair, block, bytes_] - (
                        above << T.broadcast(T.uint8(NIBBLE_BITS), _BYTES)
                    )
                    for pixel, sums in enumerate((low, above)):
                        place = [first + 2 * pair + pixel, block, bytes_]
                        value = T.Cast("uint16x16", sums)
                        if twice:
                            value = value + value
                        if keep:
                            value = wide[tuple(place)] + value
                        T.buffer_store(wide, value, place)

        def accumulate_tile(
            rows, codes, lanes, table_, all_, high, wide, at, turn, ch, place, step, zero, any_zero
        ) -> None:
            clear(all_, high)
            here = T.min(chunk, units - ch * chunk)
            with T.serial(here // group_) as g:
                first = ch * chunk + g * group_
                look_up(rows, codes, lanes, table_, all_, high, at, turn, first, place, group_)
            for rest in range(1, group_):
                if rest in (chunk % group_, (units - (chunks - 1) * chunk) % group_):
                    with T.If(here % group_ == rest), T.Then():
                        first = ch * chunk + here - rest
                        look_up(
                            rows, codes, lanes, table_, all_, high, at, turn, first, place, rest
                        )
            # In an image with zeros, what has none counts for both turns.
            for keep, when in ((False, step == 0), (True, step > 0)):
                with T.If(when), T.Then(), T.If(zero < any_zero):
                    with T.Then():
                        add_sums(wide, all_, high, at * tile, keep=keep, twice=True)
                    with T.Else():
                        add_sums(wide, all_, high, at * tile, keep=keep, twice=False)

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

        def store(wide, counts, starts, sums, n, group, segment, part, *, turns: int) -> None:
            """Write what makes results of the sums of a segment, taken in one turn or in two."""
            with T.serial(segments.rows * segments.span) as q, T.serial(blocks) as block:
                y = segments.corner(segment)[0] + q // segments.span
                x = segments.corner(segment)[1] + q % segments.span
                first = T.min((part * blocks + block) * _BYTES, outputs - _BYTES)
                shift = T.broadcast(T.uint16(3 - turns), _SHORTS)
                parities = T.broadcast(counts[q] << T.uint16(2 - turns), _SHORTS)
                for half in range(2):
                    o = first + half * _SHORTS
                    start = starts[borders.row(y), borders.column(x), group, T.ramp(o, 1, _SHORTS)]
                    total = wide[q, block, T.ramp(half * _SHORTS, 1, _SHORTS)]
                    value = start - parities - (total << shift)
                    place = [n, y, x, T.ramp(group * outputs + o, 1, _SHORTS)]
                    T.buffer_store(sums, T.reinterpret("int16x8", value), place)

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
                    codes = T.sblock_alloc_buffer((2 * self.codes.segment_codes,), "uint16")
                    code = T.sblock_alloc_buffer((2, LANES), "uint16", scope="local")
                    parity = T.sblock_alloc_buffer((self.codes.columns,), "uint64")
                    counts = T.sblock_alloc_buffer((filled,), "uint16")
                    table_ = T.sblock_alloc_buffer(
                        (pairs, group_, registers, _BYTES), "uint8", scope="local"
                    )
                    all_ = T.sblock_alloc_buffer((pairs, blocks, _BYTES), "uint8", scope="local")
                    high = T.sblock_alloc_buffer((pairs, blocks, _BYTES), "uint8", scope="local")
                    wide = T.sblock_alloc_buffer((filled, blocks, _BYTES), "uint16")
                    n: T.let = v // (segments.count * conv.groups)
                    group: T.let = v // segments.count % conv.groups
                    segment: T.let = v % segments.count
                    any_zero: T.let = T.Cast("int32", zeros[n, all_chunks])
                    encode(padded, codes, code, parity, counts, any_zero, n, group, segment)
                    for part in range(parts):
                        for step in range(chunks * (1 + any_zero)):
                            ch: T.let = step % chunks
                            turn: T.let = step // chunks
                            zero: T.let = T.Cast("int32", zeros[n, group * chunks + ch])
                            if turn <= zero:
                                for at in range(tiles):
                                    accumulate_tile(
                                        rows,
                                        codes,
                                        lanes,
                                        table_,
                                        all_,
                                        high,
                                        wide,
                                        at,
                                        turn,
                                        ch,
                                        (group, part),
                                        step,
                                        zero,
                                        any_zero,
                                    )
                        if any_zero == 0:
                            store(wide, counts, starts, sums, n, group, segment, part, turns=1)
                        else:
                            store(wide, counts, starts, sums, n, group, segment, part, turns=2)

        return accumulate


def pack_lanes_in_order(indices: te.Tensor, table: Table, groups: int, blocks: int) -> te.Tensor:
    """Return the indices as the lookup reads them.

    uint8 (O, units) to uint8 (groups, parts, units, blocks, 1, 16): as `table.pack_lanes` does, but
    with the outputs of a vector in order.
    """
    outputs = int(indices.shape[0]) // groups
    parts = -(-outputs // (blocks * _BYTES))
    last = max(outputs - _BYTES, 0)

    def index(group: Expr, part: Expr, u: Expr, block: Expr, _step: Expr, lane: Expr) -> Expr:
        o = T.min((part * blocks + block) * _BYTES, last) + lane
        row = group * outputs + T.min(o, outputs - 1)
        entry = T.uint8(0)
        for s in range(table.joined):
            digit = indices[row, u * table.joined + s]
            entry = entry + digit * T.uint8(table.subset_kernels**s)
        return entry

    return te.compute((groups, parts, table.units, blocks, 1, _BYTES), index, name="pack_lanes")
