"""Segments: the parts of an image whose patches strategy `subset_lookup` encodes at a time."""

from dataclasses import dataclass

from tvm.ir import Expr
from tvm.script import tirx as T

from ..planes import Convolution

_MOST_CODES = 32 * 1024
"""Codes of a segment that the caches next to the processor hold besides everything else."""


@dataclass(frozen=True)
class Segments:
    """How an image is cut into segments: `rows` rows of pixels, `span` pixels of each."""

    height: int
    """Rows of the result."""
    width: int
    rows: int
    span: int
    tile: int
    """Pixels whose sums are in registers together."""

    @classmethod
    def of(cls, conv: Convolution, tile: int, codes: int, most: int) -> "Segments":
        """Cut the result of a convolution into segments of at most so many pixels, or a tile.

        A pixel has so many `codes`. As few pixels as possible are computed in vain.
        """
        height, width = conv.output_size
        most = max(tile, min(most, _MOST_CODES // codes))
        if width > most:
            return cls(height, width, 1, -(-width // -(-width // most)), tile)
        choices = [cls(height, width, r, width, tile) for r in range(1, height + 1)]
        choices = [choice for choice in choices if choice.rows * width <= most]
        return min(choices, key=lambda choice: (choice.count * choice.filled, -choice.rows))

    @property
    def across(self) -> int:
        """Segments side by side."""
        return -(-self.width // self.span)

    @property
    def count(self) -> int:
        """Segments of an image."""
        return -(-self.height // self.rows) * self.across

    @property
    def tiles(self) -> int:
        """Tiles of a segment."""
        return -(-self.rows * self.span // self.tile)

    @property
    def filled(self) -> int:
        """Pixels of a segment with those that fill the last tile."""
        return self.tiles * self.tile

    def corner(self, segment: Expr) -> tuple[Expr, Expr]:
        """Return row and column of a segment's first pixel.

        The last segments overlap those before them where they would not end with the image.
        """
        y, x = segment // self.across * self.rows, segment % self.across * self.span
        if self.height % self.rows:
            y = T.min(y, self.height - self.rows)
        if self.width % self.span:
            x = T.min(x, self.width - self.span)
        return y, x

    def pixel(self, segment: Expr, q: Expr) -> tuple[Expr, Expr]:
        """Return row and column of a segment's pixel number `q`."""
        y, x = self.corner(segment)
        return (y, x + q) if self.rows == 1 else (y + q // self.span, x + q % self.span)
