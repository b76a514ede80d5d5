"""What makes results of the sums of bytes that strategy `subset_lookup` has for a tile.

A chunk's sums of bytes are added to sums of 16 bits in the cache: those of the even bytes, which
are half of a block's outputs, and those of the odd bytes, the other half. To spare instructions,
words are added as they are: even sums have 256 times the odd ones in them until the end.
"""

# Types of arguments of functions that are inlined into a kernel are no Python types.
# mypy: disable-error-code="no-untyped-def"

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ..borders import Borders
from .buffers import Work
from .segments import Segments
from .table import Table

_BYTE_BITS = 8


@dataclass(frozen=True)
class WideSums:
    """The sums of some pixels and blocks of outputs, in a buffer of words."""

    table: Table
    segments: Segments
    borders: Borders
    blocks: int
    """Vectors of outputs of a tile."""
    origin: int
    """Word of the buffer at which the sums begin."""

    @property
    def half(self) -> int:
        """Words of a vector, which are half of its outputs."""
        return self.table.lookup.vector_bytes // 2

    def _place(self, which: int, q: Expr, block: Expr) -> Expr:
        """Return where the sums of the even (0) or of the odd bytes (1) of a pixel are."""
        return self.origin + ((q * self.blocks + block) * 2 + which) * self.half

    def _words(self, which: int, q: Expr, block: Expr) -> Expr:
        return T.ramp(self._place(which, q, block), 1, self.half)

    def _pairs(self, sums: tirx.Buffer, block: int) -> Expr:
        lanes = T.ramp(0, 1, self.table.lookup.vector_bytes)
        return T.reinterpret(f"uint16x{self.half}", sums[block, lanes])

    @property
    def _byte_bits(self) -> Expr:
        return T.broadcast(T.uint16(_BYTE_BITS), self.half)

    def set(self, work: Work, first: Expr) -> None:
        """Set the sums of a tile, in a kernel, to `Work.total`; its first pixel is `first`."""
        for place, more in self._parts(work.total, first):
            T.buffer_store(work.codes, more, [place])

    def add(self, work: Work, first: Expr) -> None:
        """Add `Work.total` to the sums of a tile, in a kernel."""
        for place, more in self._parts(work.total, first):
            T.buffer_store(work.codes, work.codes[place] + more, [place])

    def _parts(self, total: list[tirx.Buffer], first: Expr) -> Iterator[tuple[Expr, Expr]]:
        """Yield where the sums of a tile are kept as words, and what they are."""
        for px, sums in enumerate(total):
            for block in range(self.blocks):
                yield self._words(0, first + px, block), self._pairs(sums, block)
                odd = self._pairs(sums, block) >> self._byte_bits
                yield self._words(1, first + px, block), odd

    def finish(self, outputs: int) -> Callable[..., None]:
        """Return what makes results of a pixel's sums, in a kernel; a group has `outputs`.

        Its arguments are the core's `Operands`, the job's `Work`, the results int16 (N, H, W,
        groups * outputs), the place (image, group, segment), the part of the outputs, the first
        pixel and which one from it, and whether there were two turns (1) or one (0).
        """
        size, blocks = self.table.lookup.vector_bytes, self.blocks

        @T.inline
        def finish(operands, work, results, place, part, first, q, any_zero):
            y: T.let = self.segments.pixel(place[2], first + q)[0]
            x: T.let = self.segments.pixel(place[2], first + q)[1]
            once: T.let = T.Cast("uint16", 1 - any_zero)
            for block in range(blocks):
                o: T.let = T.min((part * blocks + block) * size, outputs - size)
                self._store(
                    operands.starts,
                    results,
                    (place[0], y, x, place[1], o, outputs),
                    self._totals(work.codes, q, block),
                    work.counts[first + q],
                    once,
                )

        return finish

    def _totals(self, words: tirx.Buffer, q: Expr, block: Expr) -> tuple[Expr, Expr]:
        """Return the sums of the even and of the odd bytes alone."""
        even, odd = (words[self._words(which, q, block)] for which in range(2))
        return even - (odd << self._byte_bits), odd

    def _store(self, starts, results, at, totals, count, once) -> None:
        """Store a vector of results; what was added up once only counts twice."""
        n, y, x, group, o, outputs = at
        half, classes = self.half, (self.borders.row(y), self.borders.column(x))
        for which, total in enumerate(totals):
            first = o + which * half
            start = starts[*classes, group, T.ramp(first, 1, half)]
            doubled = total << T.broadcast(once + T.uint16(1), half)
            value = start - T.broadcast(count << once, half) - doubled
            place = [n, y, x, T.ramp(group * outputs + first, 1, half)]
            T.buffer_store(results, T.reinterpret(f"int16x{half}", value), place)
