"""Sizes that follow from a layer and a configuration: tiles, vectors, rows, alignments."""

from dataclasses import dataclass
from math import gcd, lcm

from ..configuration import Configuration
from ..dram_layout import line_bytes, vector_bytes
from ..isa.instruction_set import Memory
from .layer import Layer


def round_up(number: int, step: int) -> int:
    """Return the smallest multiple of `step` that is not below `number`."""
    return -(-number // step) * step


@dataclass(frozen=True)
class Geometry:
    """A layer as one accelerator sees it."""

    layer: Layer
    hardware: Configuration

    @property
    def tiles(self) -> int:
        """Tiles of the result."""
        return -(-self.layer.count // self.hardware.pixels)

    @property
    def blocks(self) -> int:
        """Blocks of units."""
        return -(-self.layer.indices.shape[1] // self.hardware.channels)

    @property
    def image_blocks(self) -> int:
        """Channel blocks of the image."""
        return self.blocks * self.layer.unit_vectors

    @property
    def outputs(self) -> int:
        """Outputs, filled up to whole groups and to whole bus words of a tile's results."""
        line = line_bytes(Memory.RESIDUAL, self.hardware, 0)
        return round_up(
            self.layer.outputs, lcm(self.hardware.adders, max(1, self.hardware.bus_bytes // line))
        )

    @property
    def vector_blocks(self) -> int:
        """Vectors that the outputs make of a pixel."""
        return -(-self.layer.outputs // self.hardware.channels)

    @property
    def pass_step(self) -> int:
        """Of what the outputs of a pass are a multiple when one pass is not enough."""
        return lcm(self.hardware.adders, self.hardware.channels, self.hardware.bus_bytes)

    @property
    def image_block_bytes(self) -> int:
        """Bytes of a channel block of the image in DRAM."""
        return block_bytes(self.layer.height * self.layer.width, self.hardware)

    @property
    def row_step(self) -> int:
        """Rows from one that begins on a bus word to the next."""
        return self.hardware.bus_bytes // gcd(
            self.hardware.bus_bytes, self.layer.width * vector_bytes(self.hardware)
        )

    @property
    def tile_step(self) -> int:
        """Tiles from one whose vectors begin on a bus word to the next."""
        return self.hardware.bus_bytes // gcd(
            self.hardware.bus_bytes, self.hardware.pixels * vector_bytes(self.hardware)
        )

    @property
    def kept_pitch(self) -> int:
        """Activation lines of a channel block of the whole image."""
        return -(-self.layer.height // 4) * self.layer.width

    def rows(self, first_tile: int, tiles: int) -> range:
        """Return the image rows that a run of tiles reads."""
        layer, pixels = self.layer, self.hardware.pixels
        end = min((first_tile + tiles) * pixels, layer.count)
        above = layer.pads[0]
        first = first_tile * pixels // layer.out_width * layer.stride - above
        last = (end - 1) // layer.out_width * layer.stride - above + layer.window_rows
        # Windows that lie outside of the image as a whole read nothing; one row is loaded then.
        low = min(max(first, 0), layer.height - 1)
        return range(low, max(min(last, layer.height), low + 1))

    def loaded_rows(self, first_tile: int, tiles: int) -> range:
        """Return the rows that are loaded for them: from the start of a bus word on."""
        needed = self.rows(first_tile, tiles)
        return range(needed.start // self.row_step * self.row_step, needed.stop)

    def quads(self, first_tile: int, tiles: int) -> int:
        """Return how many lines deep their rows lie in the four banks."""
        rows = self.loaded_rows(first_tile, tiles)
        return ((rows.stop - 1) >> 2) - (rows.start >> 2) + 1


def block_bytes(vectors: int, hardware: Configuration) -> int:
    """Return the bytes of so many vectors in DRAM: whole bus words."""
    return round_up(vectors * vector_bytes(hardware), hardware.bus_bytes)
