"""What strategy `subset_lookup` does with a strip: it adds responses up and makes results of them.

Chunk by chunk, a tile's sums of bytes are added to sums of 16 bits, and in the end these are made
results, which what follows the convolution takes (see `emit.OWNS_RESULT`). Where one part has all
outputs of a job, it takes them pixel by pixel: they never leave the registers. Results of several
parts are in memory until all of a strip are there.
"""

# Types of arguments of functions that are inlined into a kernel are no Python types.
# mypy: disable-error-code="no-untyped-def"

from collections.abc import Callable
from dataclasses import dataclass

from tvm import tirx
from tvm.script import tirx as T

from ..emit import OWNS_RESULT
from .framed_words import whole
from .strips import Strips
from .tile_sums import TileSums
from .wide_sums import WideSums


@dataclass(frozen=True)
class StripSums:
    """What is done for each strip, inside of a kernel."""

    strips: Strips
    tile_sums: TileSums
    wide: WideSums
    parts: int
    """Parts of a job's outputs."""
    outputs: int
    """Outputs of a group, those that fill a vector included."""

    @property
    def by_pixel(self) -> bool:
        """Whether what follows takes the results of one pixel at a time."""
        return self.parts == 1

    def sum_strip(self, region: Callable[..., tirx.BufferRegion]) -> Callable[..., None]:
        """Return what computes the results of a strip.

        `region` returns a part of a job's results, given the results, the segment's number of all,
        the first pixel, how many rows and columns from there, and the job's share of the outputs.

        Arguments of what is returned are the core's `Operands`, the job's `Work`, the results, the
        place (image, group, segment), the segment's number of all, the job's share of the outputs,
        the strip's first pixel, and whether the image has zeros.
        """
        sum_part = self._sum_part()
        finish = self.wide.finish(self.outputs)
        pixels, parts = self.strips.results, self.parts

        @T.inline
        def by_pixel(operands, work, results, place, at, share, first, any_zero):
            sum_part(operands, work, place, share, first, any_zero)
            for q in range(pixels):
                with T.sblock("pixel"):
                    vq = T.axis.spatial(pixels, q)
                    T.reads(whole(work.codes), whole(work.counts), whole(operands.starts))
                    T.writes(region(results, at, first + vq, (1, 1), share))
                    T.sblock_attr({OWNS_RESULT: True})
                    finish(operands, work, results, place, share, first, vq, any_zero)

        @T.inline
        def by_part(operands, work, results, place, _at, share, first, any_zero):
            for own_part in range(parts):
                part: T.let = share * parts + own_part
                sum_part(operands, work, place, part, first, any_zero)
                for q in range(pixels):
                    finish(operands, work, results, place, part, first, q, any_zero)

        return by_pixel if self.by_pixel else by_part

    def _sum_part(self) -> Callable[..., None]:
        """Return what adds up the responses of a strip for a part of the outputs."""
        chunks, tile = self.tile_sums.table.chunks, self.tile_sums.tile
        set_sums, add_sums = self.wide.set, self.wide.add
        sum_chunk, tiles = self.tile_sums.sum_chunk(), self.strips.tiles

        @T.inline
        def sum_part(operands, work, place, part, first, any_zero):
            for step in range(chunks * (1 + any_zero)):
                ch: T.let = step % chunks
                turn: T.let = step // chunks
                zero: T.let = T.Cast("int32", operands.zeros[place[0], place[1] * chunks + ch])
                if turn <= zero:
                    for at in range(tiles):
                        sum_chunk(operands, work, turn, place[1], part, ch, first + at * tile)
                        if step == 0:
                            set_sums(work, at * tile)
                        else:
                            add_sums(work, at * tile)
                        # In an image with zeros, what has none counts for both turns.
                        if zero < any_zero:
                            add_sums(work, at * tile)

        return sum_part
