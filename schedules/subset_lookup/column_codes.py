"""Codes of patches from columns of bits, where vectors are shuffled but have no masks (AVX2).

A column of a patch is made once for all patches that it is part of, in bytes: a word of signs is
repeated so that each channel has a copy of the byte that its sign is in, whose bit decides whether
the channel's byte gets the bit of that row. Interleaved with zeros, bytes are the upper halves of
codes. The code of the next pixel is this one's, shifted by as many columns as there are between
the two, with their bits added.
"""

# Types of arguments of functions that are inlined into a kernel are no Python types.
# mypy: disable-error-code="no-untyped-def"

from collections.abc import Callable

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ..planes import Convolution
from .byte_lookup import LANE_BYTES, constants
from .sign_codes import LANES, SignCodes
from .table import BYTE, Table


class ColumnCodes(SignCodes):
    """What makes the codes of one convolution, column by column."""

    @staticmethod
    def fits(conv: Convolution, table: Table) -> bool:
        """Return whether a target wants this, and neighbours share columns of up to 8 rows.

        The bits of a patch's last column must be in the upper half of a code.
        """
        lookup = table.lookup
        if lookup.entries != LANE_BYTES or lookup.vector_bytes > 2 * LANE_BYTES:
            return False
        (_, stride), (_, dilation) = conv.geometry.strides, conv.geometry.dilation
        slides = dilation == 1 and stride <= conv.kernel[1]
        return slides and table.code_channels == 1 and _lowest(table) >= 0

    @property
    def cycles(self) -> float:
        """Estimated cycles to make the codes of a pixel."""
        vectors = self.table.cuts * self.lanes / self.table.lookup.vector_bytes
        columns = self.conv.geometry.strides[1]
        return vectors * columns * (3 + 1.5 * self.table.rows) + 2.0 * self.words

    def _column(
        self, padded: tirx.Buffer, at: tuple[Expr, Expr, Expr, Expr], cut: int, part: int
    ) -> Expr:
        """Return a column of as many channels as a vector has bytes, as bits of upper bytes.

        In every 128 bits are two eights of channels, such that interleaving leaves all in order.
        """
        turn, n, y, word = at
        size, lookup = self.table.lookup.vector_bytes, self.table.lookup
        lanes, first = size // LANE_BYTES, part * size // BYTE
        order = [first + lane + lanes * eight for lane in range(lanes) for eight in range(2)]
        places = constants([byte for byte in order for _ in range(BYTE)])
        bits = constants([1 << bit for bit in range(BYTE)] * (size // BYTE))
        column = none = T.broadcast(T.uint8(0), size)
        for r in reversed(range(self.table.rows)):
            i = cut * self.table.rows + r
            if i >= self.conv.kernel[0]:
                continue
            signs = padded[turn, n, y + i * self.conv.geometry.dilation[0], word]
            repeated = T.reinterpret(lookup.vector, T.broadcast(signs, size // BYTE))
            negative = (lookup.look_up(repeated, places) & bits) == bits
            # A byte of ones is -1.
            ones = T.Select(negative, T.broadcast(T.uint8(0xFF), size), none)
            column = column + column - ones
        return column

    def _slide(
        self, padded: tirx.Buffer, code: tirx.Buffer, at: tuple[Expr, Expr, Expr, Expr], cut: int
    ) -> None:
        """Write what moves the codes of a word of channels by a column, and adds the next one."""
        size = self.table.lookup.vector_bytes
        half = size // 2
        kept = T.broadcast(T.uint16(0xFFFF & -self.table.row_bytes), half)
        for part in range(self._halves * LANES // size):
            column = self._column(padded, at, cut, part)
            for upper in range(2):
                lane = part * size + upper * half
                place = [lane // LANES, T.ramp(lane % LANES, 1, half)]
                places = [
                    side * size + start + upper * BYTE + byte
                    for start in range(0, size, LANE_BYTES)
                    for byte in range(BYTE)
                    for side in range(2)
                ]
                bits = T.Shuffle([T.broadcast(T.uint8(0), size), column], places)
                moved = code[place[0], place[1]] >> T.broadcast(T.uint16(self.table.rows), half)
                bits = T.reinterpret(f"uint16x{half}", bits) << T.broadcast(
                    T.uint16(_lowest(self.table)), half
                )
                T.buffer_store(code, moved & kept | bits, place)

    def encode(self) -> Callable[..., None]:
        """Return what writes the codes of a segment; see `SignCodes.encode`."""
        segments, stride = self.segments, self.conv.geometry.strides[1]
        before = self.conv.kernel[1] - stride

        def encode(padded, codes, code, turn, n, group, segment) -> None:
            with T.serial(segments.rows) as row, T.serial(self.words) as word:
                y = self._row(segment, row)
                for cut in range(self.table.cuts):
                    for half in range(self._halves):
                        none = T.broadcast(T.uint16(0), LANES)
                        T.buffer_store(code, none, [half, T.ramp(0, 1, LANES)])
                    for j in range(before):
                        at = (turn, n, y, self._word(segment, T.int32(0), j, group, word))
                        self._slide(padded, code, at, cut)
                    with T.serial(segments.span) as x:
                        for j in range(before, self.conv.kernel[1]):
                            at = (turn, n, y, self._word(segment, x, j, group, word))
                            self._slide(padded, code, at, cut)
                        pixel = row * segments.span + x
                        for half in range(self._halves):
                            value = code[half, T.ramp(0, 1, LANES)]
                            place = self._at(turn, pixel, T.int32(cut), word, T.int32(half))
                            T.buffer_store(codes, value, [place])

        return encode


def _lowest(table: Table) -> int:
    """Return the bit of a code's upper byte that the first row of a patch's last column is."""
    lowest = table.row_bytes.bit_length() - 1 + (table.kw - 1) * table.rows - BYTE
    return lowest if table.rows <= BYTE else -1
