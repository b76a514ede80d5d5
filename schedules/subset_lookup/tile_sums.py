"""What strategy `subset_lookup` adds up in registers: a tile of pixels and of outputs.

A sum of responses has a byte. Where responses are small, two pixels *share* the bytes that are
looked up: the table's entry for both is the one's response plus 16 times the other's, so that one
lookup serves both. As many units (a *run*) are added up as fit into half a byte. Of the runs' sums
    all = first + 16 * second
the tile keeps the sum of `all`, modulo 256, and the sum of `second`, which is `all` shifted by 4.
In the end, what is `first` modulo 256 is all of it, since the sums of a chunk fit into a byte.
Where only words can be shifted, even bytes have 16 times the next byte's `first` in that sum, too;
of odd bytes, which have not, `first` is found, and taken off.
"""

# Types of arguments of functions that are inlined into a kernel are no Python types.
# mypy: disable-error-code="no-untyped-def"

from collections.abc import Callable
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from .byte_lookup import NIBBLE_BITS
from .sign_codes import SignCodes
from .table import Table

_MISS, _LOSS = 0.3, 1.1
"""Cycles that a row takes that is not there, and what loops lose to what a count leaves out."""
_WIDTH, _LOOP = 6, 3
"""Instructions that start in a cycle, and those that count a loop's turns."""


@dataclass(frozen=True)
class TileSums:
    """The sums of one tile over a chunk of units."""

    table: Table
    codes: SignCodes
    tile: int
    """Pixels."""
    blocks: int
    """Vectors of outputs."""

    @property
    def lookups(self) -> int:
        """Pixels, or pairs of pixels that share bytes."""
        return self.tile // self.table.sharing

    @property
    def run_cycles(self) -> float:
        """Estimated cycles to add a run of units to the sums."""
        table = self.table
        vectors, entries = self.lookups * self.blocks, self.lookups * table.loaded * table.run
        rows = entries * table.sharing * table.pieces
        found = vectors * table.steps * table.run
        work = 2 * found + rows - entries * table.sharing
        work += self.lookups * (table.steps - table.loaded) * table.run
        if table.sharing == 2:
            # The first lookup of a run adds nothing; its end adds twice and shifts.
            work += entries * table.lookup.shared_instructions + 2 * vectors
        loads = 2 * rows + self.blocks * table.steps * table.run
        missing = 0.0 if table.cached else _MISS * rows
        busy = work / table.lookup.ports
        return max(busy, (work + loads + _LOOP) / _WIDTH) * _LOSS + missing

    @property
    def places(self) -> Expr:
        """All bytes of a register."""
        return T.ramp(0, 1, self.table.lookup.vector_bytes)

    def sum_chunk(self) -> Callable[..., None]:
        """Return what adds the responses of a chunk of units up, inside of a kernel.

        Its arguments are the rows of the table, the codes, the lanes, the sums to set, uint8
        (tile, blocks, vector bytes), vectors to work in, uint8 (lookups, steps, vector bytes) and
        (lookups, blocks, vector bytes), the turn, the group, the part of the outputs, the chunk,
        and the first pixel.
        """
        table, run, chunk = self.table, self.table.run, self.table.chunk
        rest = table.units % run
        start, add_run, finish = self._start(), self._add_run(), self._finish()

        @T.inline
        def sum_chunk(rows, codes, lanes, total, entries, found, turn, group, part, ch, first):
            start(total)
            for at in range(T.min(chunk, table.units - ch * chunk) // run):
                add_run(
                    rows,
                    codes,
                    lanes,
                    total,
                    entries,
                    found,
                    turn,
                    group,
                    part,
                    ch * chunk + at * run,
                    first,
                    run,
                )
            if rest > 0 and ch == table.chunks - 1:
                add_run(
                    rows,
                    codes,
                    lanes,
                    total,
                    entries,
                    found,
                    turn,
                    group,
                    part,
                    table.units - rest,
                    first,
                    rest,
                )
            finish(total)

        return sum_chunk

    def _start(self) -> Callable[..., None]:
        @T.inline
        def start(total):
            for px in T.unroll(self.tile):
                for block in T.unroll(self.blocks):
                    for o in T.vectorized(self.table.lookup.vector_bytes):
                        total[px, block, o] = T.uint8(0)

        return start

    def _add_run(self) -> Callable[..., None]:
        return self._add_shared() if self.table.sharing == 2 else self._add_unit()

    def _add_unit(self) -> Callable[..., None]:
        """Return what adds a unit's responses to the sums of the pixels."""
        places, loaded = self.places, self.table.loaded

        @T.inline
        def add_unit(
            rows, codes, lanes, total, entries, _found, turn, group, part, unit, first, _run
        ):
            for px in T.unroll(self.tile):
                for s in T.unroll(loaded):
                    entries[px, s, places] = self._row(rows, codes, turn, first + px, unit, s)
                if self.table.swaps:
                    entries[px, 1, places] = self.table.lookup.swap(entries[px, 0, places])
                for block in T.unroll(self.blocks):
                    total[px, block, places] = self._add_up(
                        total[px, block, places], entries, px, lanes, group, part, unit, block
                    )

        return add_unit

    def _add_shared(self) -> Callable[..., None]:
        """Return what adds the responses of a run of units to the sums of pairs of pixels.

        Sums of an even pixel are those of both, until `finish` takes the odd one's away.
        """
        places, loaded = self.places, self.table.loaded

        @T.inline
        def add_shared(
            rows, codes, lanes, total, entries, found, turn, group, part, unit, first, run
        ):
            for u in T.unroll(run):
                for pair in T.unroll(self.lookups):
                    for s in T.unroll(loaded):
                        entries[pair, s, places] = self.table.lookup.share(
                            self._row(rows, codes, turn, first + 2 * pair, unit + u, s),
                            self._row(rows, codes, turn, first + 2 * pair + 1, unit + u, s),
                        )
                    if self.table.swaps:
                        entries[pair, 1, places] = self.table.lookup.swap(entries[pair, 0, places])
                for block in T.unroll(self.blocks):
                    for pair in T.unroll(self.lookups):
                        if u == 0:
                            found[pair, block, places] = self._look_up(
                                entries, pair, lanes, group, part, unit + u, block
                            )
                        else:
                            found[pair, block, places] = self._add_up(
                                found[pair, block, places],
                                entries,
                                pair,
                                lanes,
                                group,
                                part,
                                unit + u,
                                block,
                            )
            for pair in T.unroll(self.lookups):
                for block in T.unroll(self.blocks):
                    total[2 * pair, block, places] = (
                        total[2 * pair, block, places] + found[pair, block, places]
                    )
                    total[2 * pair + 1, block, places] = total[
                        2 * pair + 1, block, places
                    ] + self.table.lookup.upper(found[pair, block, places])

        return add_shared

    def _finish(self) -> Callable[..., None]:
        places, lookup = self.places, self.table.lookup
        nibble = T.broadcast(T.uint8(NIBBLE_BITS), lookup.vector_bytes)

        def without(total: tirx.Buffer, px: Expr, block: Expr) -> Expr:
            """Return the sums of a pair without 16 times the second pixel's."""
            return total[px, block, places] - (total[px + 1, block, places] << nibble)

        def next_first(total: tirx.Buffer, px: Expr, block: Expr) -> Expr:
            """Return for even bytes 16 times the next byte's sum of the first pixel."""
            half = lookup.vector_bytes // 2
            words = T.reinterpret(f"uint16x{half}", without(total, px, block))
            words = words >> T.broadcast(T.uint16(NIBBLE_BITS), half)
            return T.reinterpret(lookup.vector, words & T.broadcast(T.uint16(0xF0), half))

        @T.inline
        def finish(total):
            if self.table.sharing == 2:
                for pair in T.unroll(self.lookups):
                    for block in T.unroll(self.blocks):
                        if lookup.shifts_words:
                            total[2 * pair + 1, block, places] = total[
                                2 * pair + 1, block, places
                            ] - next_first(total, 2 * pair, block)
                        total[2 * pair, block, places] = without(total, 2 * pair, block)

        return finish

    def _row(
        self,
        rows: tirx.Buffer,
        codes: tirx.Buffer,
        turn: Expr,
        pixel: Expr,
        unit: Expr,
        step: Expr,
    ) -> Expr:
        """Return a register of a unit's responses: those that one step of a lookup reads."""
        table, result = self.table, None
        width = table.row_bytes // table.loaded
        for piece, code in enumerate(self._codes(codes, turn, pixel, unit)):
            start = piece * table.piece_bytes + step * width
            row = rows.vload([start + T.Cast("int32", code)], f"uint8x{width}")
            row = table.lookup.register(row, width)
            result = row if result is None else result + row
        return result

    def _codes(self, codes: tirx.Buffer, turn: Expr, pixel: Expr, unit: Expr) -> list[Expr]:
        """Return the codes of a unit's pieces.

        Two of them that are neighbours are read as one word: with a vector of outputs or two, it
        is loads that there are too many of.
        """
        table = self.table
        if table.pieces == 2 and table.cuts == 1:
            pair = codes.vload([self.codes.place(turn, pixel, 0, unit * 2)], "uint16x2")
            word = T.reinterpret("uint32", pair)
            return [word & T.uint32(0xFFFF), word >> T.uint32(16)]
        lanes = [
            unit * (table.unit // table.code_channels) + piece // table.cuts
            for piece in range(table.pieces)
        ]
        return [
            codes[self.codes.place(turn, pixel, piece % table.cuts, lane)]
            for piece, lane in enumerate(lanes)
        ]

    def _look_up(self, entries: tirx.Buffer, px: Expr, lanes: tirx.Buffer, *at: Expr) -> Expr:
        """Return the responses of a vector of outputs."""
        first = self.table.lookup.look_up(entries[px, 0, self.places], lanes[*at, 0, self.places])
        return self._steps(first, 1, entries, px, lanes, *at)

    def _add_up(
        self, total: Expr, entries: tirx.Buffer, px: Expr, lanes: tirx.Buffer, *at: Expr
    ) -> Expr:
        """Return a sum and the responses of a vector of outputs."""
        return self._steps(total, 0, entries, px, lanes, *at)

    def _steps(
        self,
        total: Expr,
        done: int,
        entries: tirx.Buffer,
        px: Expr,
        lanes: tirx.Buffer,
        *at: Expr,
    ) -> Expr:
        lookup = self.table.lookup
        for step in range(done, self.table.steps):
            found = lookup.look_up(entries[px, step, self.places], lanes[*at, step, self.places])
            total = lookup.add(total, found)
        return total
