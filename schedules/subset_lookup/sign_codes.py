"""From packed signs to codes of patches, the lines of a table that strategy `subset_lookup` reads.

Vector lanes are channels. The word of a tap, moved into a mask register as it is, selects the
channels in whose codes the tap's bit is set; a code is a sum of such masked constants. They are
premultiplied by the bytes of a table row, so that nothing is left to do to them. Where the patch of
the next pixel is this one's, moved by one column, its code is this one, shifted, with one new
column of bits.

Codes are made for a *segment*, a few rows of pixels (or a part of one row), right before they are
used: in first-level cache.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from collections.abc import Callable
from functools import reduce
from operator import xor

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ...ops.packed_signs import WORD_BITS, words_of
from ..planes import Convolution
from .segments import Segments
from .table import BYTE, Table

LANES = 32
"""Codes that are made at once: half a word of channels."""


class SignCodes:
    """The stages and pieces of kernels that make the codes of one convolution."""

    def __init__(self, conv: Convolution, table: Table, segments: Segments) -> None:
        """Take the sizes from a convolution, its table and its segments."""
        self.conv, self.table, self.segments = conv, table, segments
        self.words = words_of(conv.channels)
        self.row_words = conv.groups * self.words
        self.lanes = lanes_of(conv, table)

    @property
    def columns(self) -> int:
        """Words that the segments' rows read of a row of the padded image."""
        (_, stride), (_, dilation) = self.conv.geometry.strides, self.conv.geometry.dilation
        reach = (self.segments.span - 1) * stride + (self.conv.kernel[1] - 1) * dilation
        return (reach + 1) * self.row_words

    @property
    def segment_codes(self) -> int:
        """Codes of a segment: pixel by pixel, cut by cut, one for each channel (or byte)."""
        return self.segments.filled * self.table.cuts * self.lanes

    @property
    def strip_codes(self) -> int:
        """Room past the codes that is worked in, counted in codes."""
        return 0

    @property
    def cycles(self) -> float:
        """Estimated cycles to make the codes of a pixel."""
        if self.table.code_channels == BYTE:
            return 2.0 * self.words
        columns = 1 if self._slides else self.conv.kernel[1]
        vectors = self.table.cuts * self.lanes / LANES
        return vectors * (1 + columns * self.table.rows) + 0.5 * self.words

    def place(self, turn: Expr, pixel: Expr, cut: Expr | int, lane: Expr) -> Expr:
        """Return where a code of a segment is."""
        row = (turn * self.segments.filled + pixel) * self.table.cuts + cut
        return row * self.lanes + lane

    def encode_segment(self) -> Callable[..., None]:
        """Return what makes all codes of a segment and counts their parities, inside of a kernel.

        Its arguments are the padded image, the codes, vectors and words to work in (see `encode`
        and `count_parities`), the counts, whether the image has zeros, the image, the group, and
        the segment. Pixels that fill the last tile have codes, too: any will do.
        """
        segments, cuts = self.segments, self.table.cuts
        encode, count_parities = self.encode(), self.count_parities()
        pixels = segments.rows * segments.span

        @T.inline
        def encode_segment(padded, codes, code, parity, counts, any_zero, n, group, segment):
            for q in range(segments.filled):
                counts[q] = T.uint16(0)
            for side in range(1 + any_zero):
                for at in range((segments.filled - pixels) * cuts * self.lanes):
                    codes[self.place(side, pixels, 0, at)] = T.uint16(0)
                encode(padded, codes, code, side, n, group, segment)
                count_parities(padded, counts, parity, side, n, group, segment)

        return encode_segment

    def encode(self) -> Callable[..., None]:
        """Return what writes the codes of a segment, inside of a kernel.

        Its arguments are the padded image, the codes uint16 (2 * segment_codes), two vectors of
        codes to work in, uint16 (2, LANES), the turn, the image, the group, and the segment.
        """
        if self.table.code_channels == BYTE:
            return self._encode_bytes()
        return self._encode_sliding() if self._slides else self._encode_patches()

    @property
    def _slides(self) -> bool:
        (_, stride), (_, dilation) = self.conv.geometry.strides, self.conv.geometry.dilation
        return stride == dilation and self.conv.kernel[1] > 1

    @property
    def _halves(self) -> int:
        return min(WORD_BITS, self.lanes) // LANES

    def _row(self, segment: Expr, row: Expr) -> Expr:
        """Return the row of the padded image where the patches of a segment's row begin."""
        return (self.segments.corner(segment)[0] + row) * self.conv.geometry.strides[0]

    def _word(self, segment: Expr, x: Expr, j: Expr | int, group: Expr, word: Expr) -> Expr:
        """Return the word of a padded row that column j of the patch of pixel x needs."""
        (_, stride), (_, dilation) = self.conv.geometry.strides, self.conv.geometry.dilation
        column = (self.segments.corner(segment)[1] + x) * stride + j * dilation
        return column * self.row_words + group * self.words + word

    def _rows(self, cut: Expr) -> list[tuple[Expr, Expr]]:
        """Return the distances of a cut's rows in the padded image, and whether they are rows."""
        kernel, dilation = self.conv.kernel[0], self.conv.geometry.dilation[0]
        rows = [cut * self.table.rows + r for r in range(self.table.rows)]
        return [(T.min(i, kernel - 1) * dilation, i < kernel) for i in rows]

    def _mask(
        self, padded: tirx.Buffer, at: tuple[Expr, ...], half: Expr, cut: Expr, r: Expr
    ) -> Expr:
        """Return for half a word of channels whether the sign in row r of a cut is negative."""
        turn, n, y, word = at
        i = cut * self.table.rows + r
        row = y + T.min(i, self.conv.kernel[0] - 1) * self.conv.geometry.dilation[0]
        bits = T.Cast("uint32", padded[turn, n, row, word] >> T.Cast("uint64", half * LANES))
        bits = bits & T.Select(i < self.conv.kernel[0], T.uint32(0xFFFFFFFF), T.uint32(0))
        return T.Cast(f"boolx{LANES}", T.reinterpret(f"uint1x{LANES}", bits))

    def _bit(self, j: Expr, r: Expr) -> Expr:
        """Return the bit of row r of a cut, column j, as it is in a code; in all lanes."""
        bit = T.uint16(self.table.row_bytes) << T.Cast("uint16", j * self.table.rows + r)
        return T.broadcast(bit, LANES)

    def _add_column(self) -> Callable[..., None]:
        """Return what adds the bits of a column of the patches to half a word of codes."""
        lanes = T.ramp(0, 1, LANES)

        @T.inline
        def add_column(padded, code, turn, n, y, word, half, cut, j):
            for r in T.unroll(self.table.rows):
                code[half, lanes] = T.Select(
                    self._mask(padded, (turn, n, y, word), half, cut, r),
                    code[half, lanes] + self._bit(j, r),
                    code[half, lanes],
                )

        return add_column

    def _at(self, turn: Expr, pixel: Expr, cut: Expr, word: Expr, half: Expr) -> Expr:
        """Return where the codes of half a word of channels are."""
        lane = word * WORD_BITS + half * LANES
        return T.ramp(self.place(turn, pixel, cut, lane), 1, LANES)

    def _encode_sliding(self) -> Callable[..., None]:
        segments, cuts, halves = self.segments, self.table.cuts, self._halves
        last, rows = self.conv.kernel[1] - 1, self.table.rows
        add_column, lanes = self._add_column(), T.ramp(0, 1, LANES)
        kept = T.broadcast(T.uint16(0xFFFF & -self.table.row_bytes), LANES)
        shift = T.broadcast(T.uint16(rows), LANES)

        @T.inline
        def slide(padded, code, turn, n, y, word, half, cut):
            code[half, lanes] = code[half, lanes] >> shift & kept
            add_column(padded, code, turn, n, y, word, half, cut, last)

        @T.inline
        def encode(padded, codes, code, turn, n, group, segment):
            for row in range(segments.rows):
                y: T.let = self._row(segment, row)
                for word in range(self.words):
                    for cut in T.unroll(cuts):
                        for half in T.unroll(halves):
                            code[half, lanes] = T.broadcast(T.uint16(0), LANES)
                        for x in T.unroll(last):
                            before: T.let = self._word(segment, x, 0, group, word)
                            for half in T.unroll(halves):
                                slide(padded, code, turn, n, y, before, half, cut)
                        for x in range(segments.span):
                            at: T.let = self._word(segment, x, last, group, word)
                            pixel: T.let = row * segments.span + x
                            for half in T.unroll(halves):
                                slide(padded, code, turn, n, y, at, half, cut)
                                codes[self._at(turn, pixel, cut, word, half)] = code[half, lanes]

        return encode

    def _encode_patches(self) -> Callable[..., None]:
        segments, cuts, halves = self.segments, self.table.cuts, self._halves
        add_column, lanes = self._add_column(), T.ramp(0, 1, LANES)

        @T.inline
        def encode(padded, codes, code, turn, n, group, segment):
            for row in range(segments.rows):
                y: T.let = self._row(segment, row)
                for word in range(self.words):
                    for cut in T.unroll(cuts):
                        for x in range(segments.span):
                            pixel: T.let = row * segments.span + x
                            for half in T.unroll(halves):
                                code[half, lanes] = T.broadcast(T.uint16(0), LANES)
                                for j in T.unroll(self.conv.kernel[1]):
                                    at: T.let = self._word(segment, x, j, group, word)
                                    add_column(padded, code, turn, n, y, at, half, cut, j)
                                codes[self._at(turn, pixel, cut, word, half)] = code[half, lanes]

        return encode

    def _encode_bytes(self) -> Callable[..., None]:
        segments, scale = self.segments, T.uint16(self.table.row_bytes)

        def bytes_of(padded, turn, n, group, segment, row, x, word) -> Expr:
            at = padded[turn, n, self._row(segment, row), self._word(segment, x, 0, group, word)]
            return T.Cast("uint16x8", T.reinterpret("uint8x8", at)) * T.broadcast(scale, 8)

        @T.inline
        def encode(padded, codes, _code, turn, n, group, segment):
            for row in range(segments.rows):
                for x in range(segments.span):
                    for word in range(self.words):
                        codes[
                            T.ramp(
                                self.place(turn, row * segments.span + x, 0, word * BYTE), 1, BYTE
                            )
                        ] = bytes_of(padded, turn, n, group, segment, row, x, word)

        return encode

    def count_parities(self) -> Callable[..., None]:
        """Return what adds up the parities of a segment's codes by pixels, inside of a kernel.

        Its arguments are the padded image, the counts uint16 (filled,) to add to, words to work in,
        uint64 (columns,), the turn, the image, the group, and the segment.
        """
        segments, cuts, columns = self.segments, self.table.cuts, self.columns
        (_, stride), (_, dilation) = self.conv.geometry.strides, self.conv.geometry.dilation

        def column(padded, turn, n, segment, row, cut, at) -> Expr:
            first = self._word(segment, 0, 0, 0, 0)
            return reduce(
                xor,
                (
                    T.Select(
                        present,
                        padded[turn, n, self._row(segment, row) + distance, first + at],
                        T.uint64(0),
                    )
                    for distance, present in self._rows(cut)
                ),
            )

        def odd(column, group, x, word) -> Expr:
            at = x * stride * self.row_words + group * self.words + word
            bits = reduce(
                xor,
                (column[at + j * dilation * self.row_words] for j in range(self.conv.kernel[1])),
            )
            if self.table.code_channels == BYTE:
                for distance in (4, 2, 1):
                    bits = bits ^ bits >> T.uint64(distance)
                bits = bits & T.uint64(0x0101010101010101)
            return T.Cast("uint16", T.popcount(bits))

        @T.inline
        def count(padded, counts, parity, turn, n, group, segment):
            for row in range(segments.rows):
                for cut in range(cuts):
                    for at in range(columns):
                        parity[at] = column(padded, turn, n, segment, row, cut, at)
                    for x in range(segments.span):
                        for word in range(self.words):
                            counts[row * segments.span + x] = counts[row * segments.span + x] + odd(
                                parity, group, x, word
                            )

        return count


def lanes_of(conv: Convolution, table: Table) -> int:
    """Return the codes that are made for a cut of a pixel, those past the channels included."""
    if table.code_channels == BYTE:
        return words_of(conv.channels) * BYTE
    return LANES if conv.channels <= LANES else words_of(conv.channels) * WORD_BITS
