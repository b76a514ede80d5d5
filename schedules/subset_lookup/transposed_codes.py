"""Codes of patches by transposing matrices of bits, where a target multiplies these (GFNI).

The words of the taps of a pixel, one below the other, are a matrix of bits: a row for each tap, a
column for each of 64 channels. Its transpose has a code in each row. One instruction transposes
eight matrices of 8x8 bits, one for the lower and one for the upper bytes of 64 codes: their factor,
a power of two, only says which row is which bit.

For that, the words of a tile's rows are first laid out as a *strip*, in which those of a pixel's
column are neighbours: all taps of a patch are then one vector, wherever it is.
"""

# Types of arguments of functions that are inlined into a kernel are no Python types.
# mypy: disable-error-code="no-untyped-def"

from collections.abc import Callable
from functools import reduce
from operator import xor

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ...ops.packed_signs import WORD_BITS
from ..planes import Convolution
from .byte_lookup import constants
from .sign_codes import LANES, SignCodes
from .table import BYTE, Table

_VECTOR_WORDS = 8
_SHORTS = 4
"""Codes that take the place of a word."""
_TRANSPOSE = "llvm.x86.vgf2p8affineqb.512"
_PERMUTE = "llvm.x86.avx512.permvar.qi.512"
_GROUPS = (0, 4, 1, 5, 2, 6, 3, 7)
"""Eights of channels by their place in a register, such that bytes are in order once those of two
registers are interleaved, 128 bits by 128 bits."""


class TransposedCodes(SignCodes):
    """What makes the codes of one convolution, from strips of words."""

    @staticmethod
    def fits(conv: Convolution, table: Table) -> bool:
        """Return whether a target has the instruction, and the taps of a patch are neighbours."""
        neighbours = conv.geometry.dilation[1] == 1
        return table.lookup.bit_matrices and neighbours and table.code_channels == 1

    @property
    def cycles(self) -> float:
        """Estimated cycles to make the codes of a pixel."""
        copies = 0.5 * self.table.rows * self.conv.geometry.strides[1]
        return self.words * (self.table.cuts * (4 + copies) + 0.5)

    @property
    def strip_codes(self) -> int:
        """Codes that take the place of a strip, with what the last vector reads past its end."""
        return (self.columns * self.table.rows + _VECTOR_WORDS) * _SHORTS

    @property
    def _low_taps(self) -> int:
        """Taps whose bits are in the lower byte of a code."""
        return BYTE + 1 - self.table.row_bytes.bit_length()

    def _strip_place(self, word: Expr, x: Expr, tap: Expr | int) -> Expr:
        """Return where a tap's word for pixel x begins: words, then columns, then rows."""
        columns = self.columns // self.row_words
        at = (word * columns + x * self.conv.geometry.strides[1]) * self.table.rows + tap
        return 2 * self.segment_codes + at * _SHORTS

    def _bytes(self, codes: tirx.Buffer, word: Expr, x: Expr, high: bool) -> Expr:
        """Return the lower or upper bytes of the codes of a word of channels, as `_GROUPS` says.

        Bits that are none of a code may be set.
        """
        low = self._low_taps
        at = self._strip_place(word, x, low if high else 0)
        words = T.reinterpret("uint8x64", codes.vload([at], f"uint16x{_VECTOR_WORDS * _SHORTS}"))
        lowest = 0 if high else BYTE - low
        # The first row of a matrix makes the highest bit of the products.
        rows = [max(0, bit - lowest) for bit in reversed(range(BYTE))]
        order = [row * BYTE + group for group in _GROUPS for row in rows]
        matrices = T.call_llvm_pure_intrin("uint8x64", _PERMUTE, words, constants(order))
        units = constants([1 << bit for bit in range(BYTE)] * _VECTOR_WORDS)
        return T.call_llvm_pure_intrin("uint8x64", _TRANSPOSE, units, matrices, T.int8(0))

    def _half(self, low: Expr, high: Expr, half: int) -> Expr:
        """Return the codes of half a word of channels, of their lower and upper bytes."""
        kept = ((1 << self.table.code_bits) - 1) * self.table.row_bytes
        places = [
            side * WORD_BITS + lane * 2 * BYTE + half * BYTE + byte
            for lane in range(4)
            for byte in range(BYTE)
            for side in range(2)
        ]
        bits = T.reinterpret(f"uint16x{LANES}", T.Shuffle([low, high], places))
        return bits & T.broadcast(T.uint16(kept), LANES)

    def encode(self) -> Callable[..., None]:
        """Return what writes the codes of a segment; see `SignCodes.encode`.

        The strip is in the codes' buffer, past both turns.
        """
        segments, table, conv = self.segments, self.table, self.conv
        columns = self.columns // self.row_words

        def tap(padded: tirx.Buffer, row: tuple[Expr, ...], cut: Expr, r: Expr, at: Expr) -> Expr:
            turn, n, y = row
            i = cut * table.rows + r
            reach = T.min(i, conv.kernel[0] - 1) * conv.geometry.dilation[0]
            value = padded[turn, n, y + reach, at]
            if conv.kernel[0] % table.rows:
                value = T.Select(i < conv.kernel[0], value, T.uint64(0))
            return T.reinterpret(f"uint16x{_SHORTS}", value)

        def store(codes, low, high, turn, pixel, cut, word) -> None:
            for half in range(self._halves):
                place = self._at(turn, pixel, cut, word, T.int32(half))
                T.buffer_store(codes, self._half(low, high, half), [place])

        @T.inline
        def encode(padded, codes, _code, turn, n, group, segment):
            for row in range(segments.rows):
                y: T.let = self._row(segment, row)
                for cut in range(table.cuts):
                    for word in range(self.words):
                        for column in range(columns):
                            for r in T.unroll(table.rows):
                                first: T.let = self._word(segment, 0, 0, group, word)
                                start: T.let = (word * columns + column) * table.rows + r
                                codes[
                                    T.ramp(2 * self.segment_codes + start * _SHORTS, 1, _SHORTS)
                                ] = tap(
                                    padded, (turn, n, y), cut, r, first + column * self.row_words
                                )
                    for word in range(self.words):
                        for x in range(segments.span):
                            low: T.let = self._bytes(codes, word, x, False)
                            high: T.let = self._bytes(codes, word, x, True)
                            store(codes, low, high, turn, row * segments.span + x, cut, word)

        return encode

    def count_parities(self) -> Callable[..., None]:
        """Return what adds up the parities of a segment's codes; see `SignCodes.count_parities`.

        The words of all pixels and of all groups are counted one after the other, in whole vectors.
        """
        segments, (_, stride) = self.segments, self.conv.geometry.strides
        last = ((segments.span - 1) * stride + 1) * self.row_words

        def odd(padded: tirx.Buffer, turn: Expr, n: Expr, y: Expr, cut: Expr, at: Expr) -> Expr:
            taps = []
            for distance, present in self._rows(cut):
                for j in range(self.conv.kernel[1]):
                    word = padded[turn, n, y + distance, at + j * self.row_words]
                    taps.append(T.Select(present, word, T.uint64(0)))
            return T.popcount(reduce(xor, taps))

        @T.inline
        def count(padded, counts, parity, turn, n, group, segment):
            for row in range(segments.rows):
                for cut in range(self.table.cuts):
                    y: T.let = self._row(segment, row)
                    first: T.let = self._word(segment, 0, 0, 0, 0)
                    for at in range(last):
                        parity[at] = odd(padded, turn, n, y, cut, first + at)
                    for x in range(segments.span):
                        for word in range(self.words):
                            counts[row * segments.span + x] = counts[
                                row * segments.span + x
                            ] + T.Cast(
                                "uint16",
                                parity[x * stride * self.row_words + group * self.words + word],
                            )

        return count
