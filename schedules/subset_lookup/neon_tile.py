"""A tile of pixels and outputs in strategy `subset_lookup` for NEON: its sums, in registers.

The methods of `NeonTile` write statements into a kernel. Of their arguments,
- `operands` are the rows of responses, the codes of a segment, and the indices,
- `work` are what is looked up in (pairs, units of a run, registers, 16), and, for each pair of
  pixels and block of outputs, the sums of both pixels, and those of the second one (uint8),
- `wide` are the sums of a segment (pixels, blocks, 16), uint16,
- `results` are the parities of pixels, where sums start, and the core's result,
- `at` is the place: image, group, segment, part of the outputs; and `t` is the tile.
"""

# Types of arguments of functions that write into a kernel are no Python types.
# mypy: disable-error-code="no-untyped-def"

from dataclasses import dataclass
from functools import reduce
from operator import add

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ..borders import Borders
from ..neon import Neon
from .byte_lookup import NIBBLE_BITS
from .neon_table import PIECES
from .segments import Segments
from .sign_codes import SignCodes
from .table import Table

_BYTES = 16
_LANES = T.ramp(0, 1, _BYTES)


@dataclass(frozen=True)
class NeonTile:
    """The tiles of one kernel."""

    table: Table
    segments: Segments
    codes: SignCodes
    borders: Borders
    blocks: int
    """Vectors of outputs."""
    outputs: int
    """Outputs of a group, with those that fill a vector."""
    neon: Neon

    @property
    def pairs(self) -> int:
        """Pairs of pixels, each of which shares bytes."""
        return self.segments.tile // 2

    @property
    def _registers(self) -> int:
        return self.table.row_bytes // _BYTES

    def sum_chunk(self, operands, work, at, t, ch, turn) -> None:
        """Write what adds the units of chunk `ch` up, in one of the turns of an image."""
        table, (_, all_, high) = self.table, work
        units, chunks, chunk, run = table.units, table.chunks, table.chunk, table.run
        for pair in range(self.pairs):
            for block in range(self.blocks):
                for sums in (all_, high):
                    none = T.broadcast(T.uint8(0), _BYTES)
                    T.buffer_store(sums, none, [pair, block, _LANES])
        here = T.min(chunk, units - ch * chunk)
        with T.serial(here // run) as g:
            self._add_run(operands, work, at, t, turn, ch * chunk + g * run, run)
        for rest in range(1, run):
            if rest in (chunk % run, (units - (chunks - 1) * chunk) % run):
                with T.If(here % run == rest), T.Then():
                    self._add_run(operands, work, at, t, turn, ch * chunk + here - rest, rest)

    def _add_run(self, operands, work, at, t, turn, first, count: int) -> None:
        """Write what adds the responses of `count` units, from `first` on, to the sums."""
        (rows, codes, lanes), (table, all_, high) = operands, work
        _, group, _, part = at
        registers = range(self._registers)
        for pair in range(self.pairs):
            q = t * self.segments.tile + 2 * pair
            for k in range(count):
                for r in registers:
                    both = self._rows_of_two(rows, codes, turn, q, first + k, r)
                    T.buffer_store(table, both, [pair, k, r, _LANES])
        for block in range(self.blocks):
            for pair in range(self.pairs):
                found = reduce(
                    add,
                    (
                        self.neon.look_up(
                            [table[pair, k, r, _LANES] for r in registers],
                            lanes[group, part, first + k, block, 0, _LANES],
                        )
                        for k in range(count)
                    ),
                )
                shift, here = T.broadcast(T.uint8(NIBBLE_BITS), _BYTES), [pair, block, _LANES]
                T.buffer_store(all_, all_[pair, block, _LANES] + found, here)
                T.buffer_store(high, high[pair, block, _LANES] + (found >> shift), here)

    def _rows_of_two(
        self, rows: tirx.Buffer, codes: tirx.Buffer, turn: Expr, q: Expr, u: Expr, register: int
    ) -> Expr:
        """Return 16 bytes with responses of a unit: at pixel q, and above them at the next."""
        sums = []
        for piece in range(self.table.pieces):
            first, second = (
                self._row(rows, codes, turn, pixel, u, piece, register) for pixel in (q, q + 1)
            )
            if piece % PIECES == 0:
                sums.append(self.neon.put_above(first, second, NIBBLE_BITS))
            else:
                sums.append(self.neon.put_below(second, first, NIBBLE_BITS))
        return reduce(add, sums)

    def _row(
        self,
        rows: tirx.Buffer,
        codes: tirx.Buffer,
        turn: Expr,
        q: Expr,
        u: Expr,
        piece: int,
        register: int,
    ) -> Expr:
        """Return 16 bytes of a row, which has the responses of a piece and of its neighbour."""
        table = self.table
        lane = u * (table.unit // table.code_channels) + piece // table.cuts
        code = codes[self.codes.place(turn, q, piece % table.cuts, lane)]
        start = piece // PIECES * table.piece_bytes + register * _BYTES
        return rows[T.ramp(start + T.Cast("int32", code), 1, _BYTES)]

    def _pixels(self, work, pair: int, block: int) -> tuple[Expr, Expr]:
        """Return the sums of a pair of pixels, uint16x16 each."""
        _, all_, high = work
        above = high[pair, block, _LANES]
        low = all_[pair, block, _LANES] - (above << T.broadcast(T.uint8(NIBBLE_BITS), _BYTES))
        return T.Cast("uint16x16", low), T.Cast("uint16x16", above)

    def widen(self, work, wide, t, *, keep: bool, twice: bool = False) -> None:
        """Write what adds the sums to `wide`, or sets it."""
        for pair in range(self.pairs):
            for block in range(self.blocks):
                for pixel, sums in enumerate(self._pixels(work, pair, block)):
                    place = [t * self.segments.tile + 2 * pair + pixel, block, _LANES]
                    value = sums + sums if twice else sums
                    if keep:
                        value = wide[tuple(place)] + value
                    T.buffer_store(wide, value, place)

    def finish(self, work, wide, results, at, t) -> None:
        """Write what makes results of the last chunk's sums and those in `wide`, if any."""
        pixels = self.segments.rows * self.segments.span
        for pair in range(self.pairs):
            for block in range(self.blocks):
                for pixel, sums in enumerate(self._pixels(work, pair, block)):
                    q = t * self.segments.tile + 2 * pair + pixel
                    total = sums + wide[q, block, _LANES] if self.table.chunks > 1 else sums
                    if pixels == self.segments.filled:
                        self._store(results, at, q, block, total, turns=1)
                        continue
                    with T.If(q < pixels), T.Then():
                        self._store(results, at, q, block, total, turns=1)

    def finish_twice(self, wide, results, at) -> None:
        """Write what makes results of the sums of a segment, all of which are in `wide`."""
        pixels = self.segments.rows * self.segments.span
        with T.serial(pixels) as q, T.serial(self.blocks) as block:
            self._store(results, at, q, block, wide[q, block, _LANES], turns=2)

    def _store(self, results, at, q, block, total, *, turns: int) -> None:
        """Write what makes results of a vector of sums, taken in one turn or in two."""
        counts, starts, sums = results
        n, group, segment, part = at
        y, x = self.segments.pixel(segment, q)
        o = T.min((part * self.blocks + block) * _BYTES, self.outputs - _BYTES)
        start = starts[self.borders.row(y), self.borders.column(x), group, T.ramp(o, 1, _BYTES)]
        parities = T.broadcast(counts[q] << T.uint16(2 - turns), _BYTES)
        value = start - parities - (total << T.broadcast(T.uint16(3 - turns), _BYTES))
        place = [n, y, x, T.ramp(group * self.outputs + o, 1, _BYTES)]
        T.buffer_store(sums, T.reinterpret("int16x16", value), place)
