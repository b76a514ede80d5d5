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

from .buffers import Operands, Work
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
        """Return what sets the sums of a tile to the responses of a chunk of units, in a kernel.

        Its arguments are the core's `Operands`, the job's `Work`, the turn, the group, the part of
        the outputs, the chunk, and the first pixel.
        """
        table, run, chunk = self.table, self.table.run, self.table.chunk
        rest = table.units % run
        add_run = self._add_shared if table.sharing == 2 else self._add_unit

        @T.inline
        def sum_chunk(operands, work, turn, group, part, ch, first):
            self._start(work)
            for at in range(T.min(chunk, table.units - ch * chunk) // run):
                add_run(operands, work, turn, group, part, ch * chunk + at * run, first, run)
            if rest > 0 and ch == table.chunks - 1:
                add_run(operands, work, turn, group, part, table.units - rest, first, rest)
            self._finish(work)

        return sum_chunk

    def _start(self, work: Work) -> None:
        zeros = T.broadcast(T.uint8(0), self.table.lookup.vector_bytes)
        for sums in work.total:
            for block in range(self.blocks):
                T.buffer_store(sums, zeros, [block, self.places])

    def _add_unit(self, operands, work, turn, group, part, unit, first, _run) -> None:
        """Add a unit's responses to the sums of the pixels, inside of a kernel."""
        places, entries = self.places, work.entries
        for px, sums in enumerate(work.total):
            for s in range(self.table.loaded):
                row = self._register(self._row(operands, work, turn, first + px, unit, s))
                T.buffer_store(entries, row, [px, s, places])
            self._swap(entries, px)
            for block in range(self.blocks):
                at = group, part, unit, block
                more = self._add_up(sums[block, places], entries, px, operands.lanes, *at)
                T.buffer_store(sums, more, [block, places])

    def _add_shared(self, operands, work, turn, group, part, unit, first, run) -> None:
        """Add the responses of a run of units to the sums of pairs of pixels, inside of a kernel.

        Sums of an even pixel are those of both, until `_finish` takes the odd one's away.
        """
        lookup, places = self.table.lookup, self.places
        entries, found, lanes = work.entries, work.found, operands.lanes
        for u in range(run):
            for pair in range(self.lookups):
                for s in range(self.table.loaded):
                    even, odd = (
                        self._row(operands, work, turn, first + 2 * pair + px, unit + u, s)
                        for px in range(2)
                    )
                    entry = self._register(lookup.share(even, odd, self.table.part_bytes))
                    T.buffer_store(entries, entry, [pair, s, places])
                self._swap(entries, pair)
            for block in range(self.blocks):
                for pair in range(self.lookups):
                    at = group, part, unit + u, block
                    if u == 0:
                        more = self._look_up(entries, pair, lanes, *at)
                    else:
                        sums = found[pair, block, places]
                        more = self._add_up(sums, entries, pair, lanes, *at)
                    T.buffer_store(found, more, [pair, block, places])
        for pair, (all_, second) in enumerate(self._pairs(work)):
            for block in range(self.blocks):
                more = found[pair, block, places]
                T.buffer_store(all_, all_[block, places] + more, [block, places])
                upper = second[block, places] + lookup.upper(more)
                T.buffer_store(second, upper, [block, places])

    def _swap(self, entries: tirx.Buffer, at: int) -> None:
        """Make the register of the second step of a lookup of the first one's, where it can be."""
        if self.table.swaps:
            swapped = self.table.lookup.swap(entries[at, 0, self.places])
            T.buffer_store(entries, swapped, [at, 1, self.places])

    def _finish(self, work: Work) -> None:
        if self.table.sharing == 1:
            return
        lookup, places = self.table.lookup, self.places
        for all_, second in self._pairs(work):
            for block in range(self.blocks):
                at = block, places
                if lookup.shifts_words:
                    more = self._next_first(self._without(all_[at], second[at]))
                    T.buffer_store(second, second[at] - more, [*at])
                T.buffer_store(all_, self._without(all_[at], second[at]), [*at])

    def _pairs(self, work: Work) -> list[tuple[tirx.Buffer, tirx.Buffer]]:
        """Return the sums of the pixels that share bytes: of both, and of the second."""
        return list(zip(work.total[::2], work.total[1::2], strict=True))

    def _without(self, all_: Expr, second: Expr) -> Expr:
        """Return the sums of a pair without 16 times the second pixel's."""
        bits = T.broadcast(T.uint8(NIBBLE_BITS), self.table.lookup.vector_bytes)
        return all_ - (second << bits)

    def _next_first(self, first: Expr) -> Expr:
        """Return for even bytes 16 times the next byte's sum of the first pixel."""
        half = self.table.lookup.vector_bytes // 2
        words = T.reinterpret(f"uint16x{half}", first)
        words = words >> T.broadcast(T.uint16(NIBBLE_BITS), half)
        words = words & T.broadcast(T.uint16(0xF0), half)
        return T.reinterpret(self.table.lookup.vector, words)

    def _row(
        self, operands: Operands, work: Work, turn: Expr, pixel: Expr, unit: Expr, step: Expr
    ) -> Expr:
        """Return a unit's responses that one step of a lookup reads: a register, or its start."""
        table, result = self.table, None
        for piece, code in enumerate(self._codes(work.codes, turn, pixel, unit)):
            start = piece * table.piece_bytes + step * table.part_bytes
            row = operands.rows.vload([start + T.Cast("int32", code)], f"uint8x{table.part_bytes}")
            # Loads repeat them.
            row = table.lookup.repeated(row, table.part_bytes) if table.lookup.repeats else row
            result = row if result is None else result + row
        return result

    def _register(self, row: Expr) -> Expr:
        """Return a register of responses as `_row` returns them.

        What combines responses is done before: for fewer bytes it may be faster.
        """
        lookup = self.table.lookup
        return row if lookup.repeats else lookup.filled(row, self.table.part_bytes)

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
