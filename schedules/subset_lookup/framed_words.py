"""Packed signs in a frame of padding, as strategy `subset_lookup` reads them, and their zeros.

There are two of these images: one in which zeros are +1 and, where there is any zero, one in which
they are -1. Padding is +1 in both.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...ops.packed_signs import NEGATIVE, WORD_BITS, ZERO, words_of
from ..planes import Convolution
from .table import Table

_STRIP_WORDS = 8
"""Words of zeros that are looked at together."""


def whole(buffer: tirx.Buffer) -> tirx.BufferRegion:
    """Return all of a buffer, for blocks whose loops have extents that depend on data."""
    return buffer[tuple(slice(0, size) for size in buffer.shape)]


class FramedWords:
    """The framed image of one convolution, and the stages that make it."""

    def __init__(self, conv: Convolution, table: Table) -> None:
        """Take the sizes from a convolution, and the chunks that zeros are told of from a table."""
        self.conv, self.table = conv, table
        self.words = words_of(conv.channels)
        """Words of a pixel that a group has."""

    @property
    def row_words(self) -> int:
        """Words of a pixel, those of all groups."""
        return self.conv.groups * self.words

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the framed image: all that any patch reads."""
        conv, (height, width) = self.conv, self.conv.output_size
        strides, dilation = conv.geometry.strides, conv.geometry.dilation
        return (
            (height - 1) * strides[0] + (conv.kernel[0] - 1) * dilation[0] + 1,
            (width - 1) * strides[1] + (conv.kernel[1] - 1) * dilation[1] + 1,
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the framed images: (signs with zeros as +1 and as -1, N, rows, words)."""
        height, width = self.size
        return 2, self.conv.batch, height, width * self.row_words

    def find_zeros(self, words: te.Tensor) -> PrimFunc:
        """Return the core that says of every chunk of units whether the image has a zero there.

        The result is uint8 (N, groups*chunks + 1); the last one says whether there is any at all.
        """
        conv, table, row = self.conv, self.table, self.row_words
        total = conv.height * conv.width * row
        strip = min(total, row * -(-_STRIP_WORDS // row))
        chunks, all_chunks = table.chunks, conv.groups * table.chunks
        chunk = table.chunk * table.unit

        def ones(count: Expr) -> Expr:
            """Return a word of so many ones; less than none and more than all are allowed."""
            some = (T.uint64(1) << T.Cast("uint64", T.max(T.min(count, 63), 0))) - T.uint64(1)
            return T.Select(count >= WORD_BITS, T.bitwise_not(T.uint64(0)), some)

        def mask(at: Expr, word: Expr) -> Expr:
            """Return the bits that a chunk has in a word of a pixel."""
            first = at % chunks * chunk - word % self.words * WORD_BITS
            bits = ones(first + chunk) & T.bitwise_not(ones(first))
            return T.Select(word // self.words == at // chunks, bits, T.uint64(0))

        @T.prim_func(s_tir=True, private=True)
        def find_zeros(
            words: T.Buffer(words.shape, "uint64"),
            zeros: T.Buffer((conv.batch, all_chunks + 1), "uint8"),
        ):
            for image in T.parallel(conv.batch):
                with T.sblock("image"):
                    n = T.axis.spatial(conv.batch, image)
                    T.reads(whole(words))
                    T.writes(whole(zeros))
                    found = T.sblock_alloc_buffer((strip,), "uint64")
                    some = T.sblock_alloc_buffer((1,), "uint8")
                    for e in T.vectorized(strip):
                        found[e] = T.uint64(0)
                    for s in range(-(-total // strip)):
                        start: T.let = T.min(s * strip, total - strip)
                        for e in T.vectorized(strip):
                            found[e] = (
                                found[e]
                                | words[
                                    n,
                                    ZERO,
                                    (start + e) // (conv.width * row),
                                    (start + e) // row % conv.width,
                                    (start + e) % row,
                                ]
                            )
                    zeros[n, all_chunks] = T.uint8(0)
                    for at in range(all_chunks):
                        some[0] = T.uint8(0)
                        for e in range(strip):
                            some[0] = some[0] | T.Cast(
                                "uint8", (found[e] & mask(at, e % row)) != T.uint64(0)
                            )
                        zeros[n, at] = some[0]
                        zeros[n, all_chunks] = zeros[n, all_chunks] | some[0]

        return find_zeros

    def pad(self, words: te.Tensor, zeros: te.Tensor) -> PrimFunc:
        """Return the core that puts the image into a frame of +1.

        The image with zeros as -1 is written where it has any.
        """
        conv, row, shape = self.conv, self.row_words, self.shape
        top, left, _, _ = conv.geometry.padding
        height, width = self.size
        inner = max(0, min(conv.width, width - left))
        before = min(left, width)
        last = int(zeros.shape[1]) - 1

        def pixel(words: te.Tensor, turn: Expr, n: Expr, y: Expr, at: Expr) -> Expr:
            place = y, at // row, at % row
            zero = words[n, ZERO, *place] * T.Cast("uint64", turn)
            return words[n, NEGATIVE, *place] | zero

        @T.prim_func(s_tir=True, private=True)
        def pad(
            words: T.Buffer(words.shape, "uint64"),
            zeros: T.Buffer(zeros.shape, "uint8"),
            padded: T.Buffer(shape, "uint64"),
        ):
            for image in T.parallel(conv.batch):
                with T.sblock("image"):
                    n = T.axis.spatial(conv.batch, image)
                    T.reads(whole(words), whole(zeros))
                    T.writes(whole(padded))
                    for turn in range(1 + T.Cast("int32", zeros[n, last])):
                        for y in range(height):
                            if y >= top and y < top + conv.height:
                                for at in range(before * row):
                                    padded[turn, n, y, at] = T.uint64(0)
                                for at in range(inner * row):
                                    padded[turn, n, y, before * row + at] = pixel(
                                        words, turn, n, y - top, at
                                    )
                                for at in range((width - before - inner) * row):
                                    padded[turn, n, y, (before + inner) * row + at] = T.uint64(0)
                            else:
                                for at in range(width * row):
                                    padded[turn, n, y, at] = T.uint64(0)

        return pad
