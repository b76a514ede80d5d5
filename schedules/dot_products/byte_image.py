"""The image of levels with its border, in the order in which products of bytes take it.

A pixel has `chunks` of a step's channels, each of them once for every pixel of a register: after
the chunk of a pixel comes that of the pixel which the next output reads (see `products`).
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from dataclasses import dataclass

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...ops.levels import LEVELS
from ..planes import Convolution
from .products import Products

_WORTH_THREADS = 1 << 16
"""Bytes of an image below which starting threads costs more than it gains."""


@dataclass(frozen=True)
class ByteImage:
    """The image of one convolution."""

    conv: Convolution
    products: Products

    @property
    def chunks(self) -> int:
        """Chunks of a pixel in a group; channels past the last one have weights of 0."""
        return -(-self.conv.channels // self.products.channels)

    @property
    def chunk(self) -> int:
        """Bytes of a chunk: a step's levels for the pixels of a register."""
        return self.products.channels * self.products.pixels

    @property
    def as_it_is(self) -> bool:
        """Whether levels that are channels last need no copy."""
        conv, products = self.conv, self.products
        whole = conv.channels % products.channels == 0
        return whole and products.pixels == 1 and not any((products.offset, *conv.geometry.padding))

    def copy(self, levels: te.Tensor) -> PrimFunc:
        """Return the core from levels (N, H, W, C) to an image (N, H, W, groups * chunks * chunk).

        Height and width are those that taps reach.
        """
        conv, pixels, each = self.conv, self.products.pixels, self.products.channels
        (height, width), top = conv.reach, conv.geometry.padding[0]
        row_bytes = conv.groups * self.chunks * self.chunk
        over_rows = T.parallel if height * width * row_bytes >= _WORTH_THREADS else T.serial
        border = tirx.const(self.products.border, LEVELS)
        # Rows of bytes that are copied as they are, and chunks of bytes where pixels alternate.
        plain = pixels == 1 and conv.channels % each == 0
        whole = conv.channels % each == 0

        def fill(image, n, y, places, which) -> None:
            """Write what makes one of the pixels of some places border."""
            first, count = places
            if plain:
                with T.serial(count * row_bytes) as at:
                    T.buffer_store(image, border, [n, y, first, at])
                return
            with T.serial(count) as x, T.serial(conv.groups * self.chunks) as part:
                place = T.ramp((part * pixels + which) * each, 1, each)
                T.buffer_store(image, T.broadcast(border, each), [n, y, first + x, place])

        def move(image, levels, n, y, places, which) -> None:
            """Write what copies levels to one of the pixels of some places."""
            (first, column, count), row = places, y - top
            if plain:
                with T.serial(count * row_bytes) as at:
                    value = self._level(levels[n, row, column, at])
                    T.buffer_store(image, value, [n, y, first, at])
            elif whole:
                with T.serial(count) as x, T.serial(conv.groups * self.chunks) as part:
                    value = levels[n, row, column + x, T.ramp(part * each, 1, each)]
                    place = T.ramp((part * pixels + which) * each, 1, each)
                    T.buffer_store(image, value, [n, y, first + x, place])
            else:
                with (
                    T.serial(count) as x,
                    T.serial(conv.groups) as group,
                    T.serial(self.chunks) as part,
                    T.serial(each) as c,
                ):
                    channel = part * each + c
                    own = group * conv.channels + T.min(channel, conv.channels - 1)
                    value = self._level(levels[n, row, column + x, own])
                    place = ((group * self.chunks + part) * pixels + which) * each + c
                    T.buffer_store(image, value, [n, y, first + x, place])

        def copy_row(image, levels, n, y) -> None:
            for which in range(pixels):
                first, column, count = self._columns(which)
                fill(image, n, y, (0, first), which)
                move(image, levels, n, y, (first, column, count), which)
                fill(image, n, y, (first + count, width - first - count), which)

        def fill_row(image, n, y) -> None:
            for which in range(pixels):
                fill(image, n, y, (0, width), which)

        @T.prim_func(s_tir=True, private=True)
        def core(
            levels: T.Buffer(levels.shape, LEVELS),
            image: T.Buffer((conv.batch, height, width, row_bytes), LEVELS),
        ):
            for job in over_rows(conv.batch * height):
                with T.sblock("row"):
                    v = T.axis.spatial(conv.batch * height, job)
                    n: T.let = v // height
                    y: T.let = v % height
                    if tirx.all(y >= top, y - top < conv.height):
                        copy_row(image, levels, n, y)
                    else:
                        fill_row(image, n, y)

        return core

    def _columns(self, which: int) -> tuple[int, int, int]:
        """Return for a pixel of a register its first place, the column there, and their number."""
        conv = self.conv
        shift = conv.geometry.padding[1] - which * conv.geometry.strides[1]
        width = conv.reach[1]
        first = min(max(0, shift), width)
        column = first - shift
        return first, column, max(0, min(conv.width - column, width - first))

    def _level(self, level: Expr) -> Expr:
        """Return the byte that a level is in the image."""
        offset = self.products.offset
        return level ^ tirx.const(offset, LEVELS) if offset else level
