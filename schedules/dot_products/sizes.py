"""How a convolution by products of bytes is cut: register tile, runs of steps, parallel jobs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ...target import Features
from ..neon import Neon
from ..planes import Convolution
from .byte_image import ByteImage
from .products import REGISTER_BYTES, SUMS, Products

PIXELS = (4, 6, 7, 8, 10, 12, 14)
"""Pixels of a tile, at most."""
VECTORS = (1, 2, 3, 4, 6)
"""Registers of outputs in a tile, at most."""
_SHARED_BYTES = 256 << 10
"""Weights that every job may read whole: they stay in a core's second-level cache."""
_JOB_CYCLES = 1 << 14
"""Cycles of a job below which it is not worth starting a thread for."""


@dataclass(frozen=True)
class _Prices:
    """Cycles of an instruction, as far as the others let it take that long."""

    product: float
    load: float
    result: float
    """What a register of results takes besides."""
    latency: float
    """What a sum waits for the one before it."""
    step: float
    """What a step takes besides."""


_PRICES = _Prices(0.5, 0.5, 5.0, 4.0, 0.6)
"""By llvm-mca's model of the Neoverse N1. That of the Neoverse V1, with four pipes for vectors in
place of two, takes half as long for all of it."""
_IN_ORDER_PRICES = _Prices(2.3, 2.0, 6.0, 4.0, 1.0)
"""By that of the Cortex-A55, where gathers are ahead of dot products, in proportion to what they
are taken to cost (by the model of the Cortex-A53)."""


@dataclass(frozen=True)
class Tile:
    """Sums that stay in registers: rows x columns of pixels, and registers of outputs."""

    rows: int
    columns: int
    vectors: int


@dataclass(frozen=True)
class DotSizes:
    """The sizes of the kernel of one call; `config` holds chosen knobs."""

    conv: Convolution
    products: Products
    neon: Neon
    config: Mapping[str, int]

    @classmethod
    def of(
        cls, conv: Convolution, top: int, neon: Neon, features: Features, config: Mapping[str, int]
    ) -> "DotSizes":
        """Size the kernel of a convolution of levels up to `top`."""
        return cls(conv, Products.of(features, top), neon, config)

    @property
    def image(self) -> ByteImage:
        """What is multiplied."""
        return ByteImage(self.conv, self.products)

    @property
    def run(self) -> int:
        """Steps for which a pixel's levels lie side by side: a row of taps, or one tap."""
        beside = self.conv.groups == 1 and self.conv.geometry.dilation[1] == 1
        return self.image.chunks * (self.conv.kernel[1] if beside else 1)

    @property
    def steps(self) -> int:
        """Steps of a kernel."""
        return self.image.chunks * self.conv.taps

    @property
    def runs(self) -> int:
        """Runs of a kernel."""
        return self.steps // self.run

    @property
    def runs_of_row(self) -> int:
        """Runs of a row of taps."""
        return self.runs // self.conv.kernel[0]

    @property
    def together(self) -> int:
        """Steps whose levels are loaded at once."""
        return self.products.steps_together(self.run)

    @cached_property
    def tile(self) -> Tile:
        """The tile of which the whole takes the fewest cycles."""
        return min(self._tiles(), key=self._cycles)

    @property
    def block(self) -> int:
        """Outputs that are computed together."""
        return self.tile.vectors * self.products.outputs

    @property
    def blocks(self) -> int:
        """Blocks of outputs of a group."""
        return -(-self.conv.outputs // self.block)

    @property
    def filled(self) -> int:
        """Outputs of a group with those that fill the last block."""
        return self.blocks * self.block

    @property
    def splits(self) -> int:
        """Parts of the outputs that jobs compute: blocks, where all weights are too many."""
        weights = self.filled * self.steps * self.products.channels
        return self.blocks if weights > _SHARED_BYTES else 1

    @cached_property
    def job_rows(self) -> int:
        """Rows of the result in a job, whole tiles: all of them, or a few where jobs share weights.

        Of those that are worth a thread, and at most twice as many, it is the number with which
        the fewest rows are computed twice.
        """
        height, rows = self.conv.output_size[0], self.tile.rows
        counts = list(range(rows, height + 1, rows))
        if self.splits > 1:
            return counts[-1]
        row_cycles = self.cycles() / (self.conv.batch * self.conv.groups * height)
        enough = [count for count in counts if count * row_cycles >= _JOB_CYCLES] or counts[-1:]
        fitting = [count for count in enough if count <= 2 * enough[0]]
        return min(fitting, key=lambda count: (-(-height // count) * count, count))

    @property
    def bands(self) -> int:
        """Jobs that an image's rows make; the last one overlaps the one before it if it must."""
        return -(-self.conv.output_size[0] // self.job_rows)

    def cycles(self) -> float:
        """Estimate the cycles of the kernel, the copy of the image among them."""
        height, width = self.conv.reach
        copied = height * width * self.conv.groups * self.image.chunks * self.image.chunk
        copy = 0 if self.image.as_it_is else copied / REGISTER_BYTES
        return self.conv.batch * (self.conv.groups * self._cycles(self.tile) + copy)

    def _cycles(self, tile: Tile) -> float:
        """Estimate what the tiles of a group take."""
        height, width = self.conv.output_size
        prices = _IN_ORDER_PRICES if self.neon.in_order else _PRICES
        pixels = tile.rows * tile.columns // self.products.pixels
        products = prices.product * pixels * tile.vectors
        loads = prices.load * (pixels / self.together + tile.vectors)
        together = products + loads if self.neon.in_order else max(products, loads)
        step = max(together, prices.latency) + prices.step
        end = prices.result * pixels * tile.vectors
        tiles = -(-height // tile.rows) * -(-width // tile.columns)
        blocks = -(-self.conv.outputs // (tile.vectors * self.products.outputs))
        return tiles * blocks * (self.steps * step + end)

    def _tiles(self) -> Iterator[Tile]:
        """Return the tiles that registers have room for."""
        height, width = self.conv.output_size
        alternate = self.products.pixels
        together = SUMS // self.products.outputs
        most = -(-self.conv.outputs // self.products.outputs)
        limit = min(self.config.get("vectors", VECTORS[-1]), -(-most // together) * together)
        limit = max(limit // together, 1) * together
        fewest = limit if "vectors" in self.config else together
        pixels = max(self.config.get("pixels", PIXELS[-1] * alternate), alternate)
        found = [
            Tile(rows, columns, vectors)
            for vectors in range(fewest, limit + 1, together)
            for rows in range(1, min(height, pixels) + 1)
            for columns in range(alternate, -(-width // alternate) * alternate + 1, alternate)
            if rows * columns <= pixels
        ]
        fitting = [tile for tile in found if self._fits(tile)]
        return iter(fitting or found[:1])

    def _fits(self, tile: Tile) -> bool:
        """Tell whether sums, levels and a few registers of weights find room."""
        pixels = tile.rows * tile.columns // self.products.pixels
        return pixels * tile.vectors + pixels + 2 <= self.neon.registers
