"""Codes of patches with NEON, which has no mask registers: bits are tested in vectors of bytes.

Half a word's bits are repeated 8 times over, and lane by lane another bit is tested. Bytes of even
lanes come from the first 8 of 16 channels and those of odd ones from the others, so that taking the
two apart, which widens them to codes, brings channels in order.
"""

from collections.abc import Callable

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ...ops.packed_signs import WORD_BITS
from ..neon import Neon
from .sign_codes import LANES, SignCodes
from .table import BYTE

_BYTES = 16
_SHORTS = 8
_HALF_WORD = 16
MOST_ROWS = 8
"""Rows of a column of signs, at most: they are bits of a byte first."""


class NeonCodes(SignCodes):
    """What makes the codes of one convolution, for NEON."""

    @property
    def _neon(self) -> Neon:
        neon = self.table.lookup.neon
        assert neon is not None
        return neon

    @property
    def cycles(self) -> float:
        """Estimated cycles to make the codes of a pixel, 16 channels at a time."""
        if self.table.code_channels == BYTE:
            return 2.0 * self.words
        columns = 1 if self._slides else self.conv.kernel[1]
        vectors = self.table.cuts * self.lanes / _HALF_WORD
        return vectors * (4 + 1.5 * columns * self.table.rows) + 2.0 * self.words

    def _column(
        self, padded: tirx.Buffer, turn: Expr, n: Expr, y: Expr, word: Expr, cut: int, part: int
    ) -> Expr:
        """Return a column of the patches of 16 channels, a bit for each row (uint8x16)."""
        kernel, dilation = self.conv.kernel[0], self.conv.geometry.dilation[0]
        lanes = T.ramp(T.uint8(0), T.uint8(1), _BYTES)
        tested = T.broadcast(T.uint8(1), _BYTES) << (lanes >> T.broadcast(T.uint8(1), _BYTES))
        none, all_ = (T.broadcast(T.uint8(value), _BYTES) for value in (0, 0xFF))
        rows = [cut * self.table.rows + r for r in range(self.table.rows)]
        column = None
        for r, i in enumerate(row for row in rows if row < kernel):
            quarters = T.reinterpret("uint16x4", padded[turn, n, y + i * dilation, word])
            repeated = T.reinterpret("uint8x16", T.Shuffle([quarters] * 2, [part] * _SHORTS))
            # LLVM makes one instruction of it (cmtst); shifts by lane are slower.
            bits = T.Select((repeated & tested) != none, all_, none)
            column = bits if column is None else self._neon.put_above(column, bits, r)
            last = r
        return column & T.broadcast(T.uint8((2 << last) - 1), _BYTES)

    def _add_bits(
        self,
        padded: tirx.Buffer,
        code: tirx.Buffer,
        at: tuple[Expr, Expr, Expr, Expr],
        cut: int,
        j: int,
        *,
        slide: bool,
    ) -> None:
        """Write what adds a column to the codes of a word's channels, moved on first if asked."""
        rows = self.table.rows
        place = self.table.row_bytes.bit_length() - 1 + j * rows
        kept = T.broadcast(T.uint16(0xFFFF & -self.table.row_bytes), _SHORTS)
        for part in range(self._halves * 2):
            column = T.reinterpret("uint16x8", self._column(padded, *at, cut, part))
            for k, bits in enumerate((column, column >> T.broadcast(T.uint16(BYTE), _SHORTS))):
                lane = part * _HALF_WORD + k * _SHORTS
                lanes = T.ramp(lane % LANES, 1, _SHORTS)
                before = code[lane // LANES, lanes]
                if slide:
                    before = before >> T.broadcast(T.uint16(rows), _SHORTS) & kept
                # What an even lane has in its upper half is shifted out, or is cut off here.
                above = self._neon.put_above(before, bits, place, bits=16)
                if place < BYTE:
                    above = above & T.broadcast(T.uint16((1 << place + rows) - 1), _SHORTS)
                T.buffer_store(code, above, [lane // LANES, lanes])

    def _clear(self, code: tirx.Buffer) -> None:
        for lane in range(0, self._halves * LANES, _SHORTS):
            none = T.broadcast(T.uint16(0), _SHORTS)
            T.buffer_store(code, none, [lane // LANES, T.ramp(lane % LANES, 1, _SHORTS)])

    def _store(
        self,
        codes: tirx.Buffer,
        code: tirx.Buffer,
        turn: Expr,
        pixel: Expr,
        cut: int,
        word: Expr,
    ) -> None:
        for lane in range(0, self._halves * LANES, _SHORTS):
            place = self.place(turn, pixel, cut, word * WORD_BITS + lane)
            value = code[lane // LANES, T.ramp(lane % LANES, 1, _SHORTS)]
            T.buffer_store(codes, value, [T.ramp(place, 1, _SHORTS)])

    def _encode_sliding(self) -> Callable[..., None]:
        segments, last = self.segments, self.conv.kernel[1] - 1

        def encode(padded, codes, code, turn, n, group, segment) -> None:  # type: ignore[no-untyped-def]
            with T.serial(segments.rows) as row, T.serial(self.words) as word:
                y = self._row(segment, row)
                for cut in range(self.table.cuts):
                    self._clear(code)
                    for x in range(last):
                        at = (turn, n, y, self._word(segment, x, 0, group, word))
                        self._add_bits(padded, code, at, cut, last, slide=True)
                    with T.serial(segments.span) as x:
                        at = (turn, n, y, self._word(segment, x, last, group, word))
                        self._add_bits(padded, code, at, cut, last, slide=True)
                        self._store(codes, code, turn, row * segments.span + x, cut, word)

        return encode

    def _encode_patches(self) -> Callable[..., None]:
        segments = self.segments

        def encode(padded, codes, code, turn, n, group, segment) -> None:  # type: ignore[no-untyped-def]
            with T.serial(segments.rows) as row, T.serial(self.words) as word:
                y = self._row(segment, row)
                for cut in range(self.table.cuts):
                    with T.serial(segments.span) as x:
                        self._clear(code)
                        for j in range(self.conv.kernel[1]):
                            at = (turn, n, y, self._word(segment, x, j, group, word))
                            self._add_bits(padded, code, at, cut, j, slide=False)
                        self._store(codes, code, turn, row * segments.span + x, cut, word)

        return encode
