"""Strips: the pixels of a segment whose results are finished together."""

from dataclasses import dataclass
from math import prod

from tvm.ir import Expr
from tvm.script import tirx as T

from .segments import Segments
from .table import Table

_PIXELS, _LANES_BYTES, _SPLIT_LANES_BYTES = 8, 8 * 1024, 4 * 1024
"""Pixels of a strip, at most or one tile, and the indices that are read again for each of them, on
processors that work vectors off in halves, too."""


@dataclass(frozen=True)
class Strips:
    """How a segment is cut into strips of so many `tiles` each."""

    segments: Segments
    tiles: int

    @classmethod
    def of(cls, segments: Segments, table: Table, blocks: int, parts: int) -> "Strips":
        """Cut segments whose outputs are computed in `parts` of as many vectors as `blocks`.

        A few pixels are best: their results are written while the next ones are added up. But a
        pixel's results must be made together, and all indices, which are read again for every
        strip, must stay in the cache. Otherwise, a segment is one strip.
        """
        few = max(1, _PIXELS // segments.tile)
        lanes = table.units * table.steps * blocks * table.lookup.vector_bytes
        in_line = segments.rows == 1 and segments.span > few * segments.tile
        most = _SPLIT_LANES_BYTES if table.lookup.split else _LANES_BYTES
        fits = parts == 1 and lanes <= most
        return cls(segments, few if in_line and fits else segments.tiles)

    @property
    def count(self) -> int:
        """Strips of a segment."""
        return -(-self.segments.tiles // self.tiles)

    @property
    def pixels(self) -> int:
        """Pixels of a strip, of which some may be computed in vain if it is the only one."""
        return self.tiles * self.segments.tile

    @property
    def shape(self) -> tuple[int, int]:
        """Rows of a strip of which results are made, and pixels of each."""
        segments = self.segments
        return (segments.rows, segments.span) if self.count == 1 else (1, self.pixels)

    @property
    def results(self) -> int:
        """Pixels of a strip of which results are made."""
        return prod(self.shape)

    def start(self, strip: Expr) -> Expr:
        """Return the first pixel of a strip; the last one overlaps the one before it."""
        if self.count == 1:
            return T.int32(0)
        return T.min(strip * self.pixels, self.segments.span - self.pixels)
