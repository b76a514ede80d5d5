"""How a float convolution is cut: register tile, runs of steps, chunks, parallel jobs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from tvm.ir import Expr
from tvm.script import tirx as T

from ...target import Features
from ..neon import neon_of
from ..planes import Convolution
from .products import steps_together

FLOAT_BYTES = 4
_REGISTERS = {512: 32}
"""Vector registers by width; of any other width there are 16."""
_CHUNK_BYTES = {512: 768 << 10}
"""Weights that are used for all pixels of a job before the next ones are read, by vector width:
they are to stay in the second-level cache, 1 MiB or more beside 512-bit registers."""
_SMALL_CHUNK_BYTES = 128 << 10
SHARED_BYTES = 1 << 20
"""Weights that every job may read whole: they stay in a core's second-level cache."""
_LATENCY = 5.0
"""Cycles that a product waits for the sum that it is added to, on a Cortex-A72."""
_JOB_STEPS = 1 << 12
"""Steps of a tile below which a job is not worth starting a thread for."""

KNOBS: dict[str, tuple[int, ...]] = {
    "vectors": (1, 2, 3, 4),
    "pixels": (4, 6, 8, 10, 14, 28),
    "chunk_kib": (32, 128, 1024),
}
"""Vectors of outputs and, at most, pixels of a register tile; weights of a chunk in KiB."""


@dataclass(frozen=True)
class Tile:
    """Sums that stay in registers: rows x columns of pixels, and vectors of outputs."""

    rows: int
    columns: int
    vectors: int
    steps: int = 1
    """Steps whose inputs a pixel loads as one vector."""
    by_lane: bool = False
    """Whether products take lanes of vectors, as on aarch64: no load puts a value into all."""

    @property
    def pixels(self) -> int:
        """Pixels of the tile."""
        return self.rows * self.columns

    @property
    def cycles(self) -> float:
        """Estimated cycles of a step: two products, or not quite two loads, in each."""
        if self.by_lane:
            return self._cycles_by_lane
        products, loads = self.pixels * self.vectors / 2, (self.pixels + self.vectors) / 1.8
        # A sum waits up to five cycles for the one before it; weights come from the second-level
        # cache.
        return max(products, loads, 5.0, 1.5 * self.vectors) + 0.5

    @property
    def _cycles_by_lane(self) -> float:
        """Estimated cycles of a step on a Cortex-A72: one product and one load in each."""
        products: float = self.pixels * self.vectors
        loads = self.pixels / self.steps + self.vectors
        if self.steps == 1:
            # The load of a single value puts it into all lanes, with half of the vector units.
            products += self.pixels / 2
        return max(products, loads, _LATENCY) + 0.5

    def fits(self, registers: int) -> bool:
        """Tell whether the sums, weights and inputs of a step find room in so many registers."""
        sums = self.pixels * self.vectors
        if self.by_lane:
            # All pixels' inputs are there, and the next step's weights, too: also where they are
            # loaded step by step, for LLVM unrolls short runs of steps.
            return sums + self.pixels + 2 * self.vectors <= registers
        return sums + self.vectors + 1 <= registers


@dataclass(frozen=True)
class Blocking:
    """The sizes of one convolution's loops."""

    height: int
    width: int
    tile: Tile
    lanes: int
    outputs: int
    """Output channels of a group."""
    run: int
    """Steps for which every pixel reads its input contiguously."""
    chunks: int
    """Equal parts of the runs; sums wait in memory from one part to the next."""
    job_rows: int
    """Rows of the result in a parallel job: a multiple of the tile's, at most all."""
    job_blocks: int
    """Blocks of outputs in a parallel job: all of them, or one."""

    @property
    def across(self) -> int:
        """Tiles in a row of an image; the last one overlaps the one before it if it must."""
        return -(-self.width // self.tile.columns)

    @property
    def job_tiles(self) -> int:
        """Tiles of pixels in a job."""
        return self.job_rows // self.tile.rows * self.across

    @property
    def bands(self) -> int:
        """Jobs that an image's rows make; the last one overlaps the one before it if it must."""
        return -(-self.height // self.job_rows)

    @property
    def block(self) -> int:
        """Outputs whose sums are kept together."""
        return self.tile.vectors * self.lanes

    @property
    def blocks(self) -> int:
        """Blocks of outputs; the last one overlaps the one before it if it must."""
        return -(-self.outputs // self.block)

    @property
    def tiles(self) -> int:
        """Tiles of an image that are computed, overlaps included."""
        return self.bands * self.job_tiles


def blocking_of(conv: Convolution, features: Features, config: Mapping[str, int]) -> Blocking:
    """Return the sizes for a convolution; knobs in `config` that do not fit are brought to fit."""
    height, width = conv.output_size
    lanes = features.vector_bytes // FLOAT_BYTES
    while lanes > conv.outputs:
        lanes //= 2
    tile = tile_of((height, width), conv.outputs, lanes, conv.channels, features, config)
    run = run_of(conv)
    steps = conv.taps * conv.channels
    limit = _CHUNK_BYTES.get(features.vector_bits, _SMALL_CHUNK_BYTES)
    limit = config.get("chunk_kib", 0) << 10 or limit
    wanted = -(-steps * tile.vectors * lanes * FLOAT_BYTES // limit)
    chunks = min(part for part in _divisors(steps // run) if part >= min(wanted, steps // run))
    job_rows, job_blocks = _job(conv, tile, lanes)
    return Blocking(height, width, tile, lanes, conv.outputs, run, chunks, job_rows, job_blocks)


def run_of(conv: Convolution) -> int:
    """Return the steps that lie side by side in a pixel's input: a row of taps, or one tap."""
    beside = conv.groups == 1 and conv.geometry.dilation[1] == 1
    return conv.channels * (conv.kernel[1] if beside else 1)


def tile_of(
    size: tuple[int, int],
    outputs: int,
    lanes: int,
    channels: int,
    features: Features,
    config: Mapping[str, int] = MappingProxyType({}),
) -> Tile:
    """Return the tile of a result (height, width) that takes the fewest cycles.

    A pixel of its input has `channels` values side by side. Of two that take as many it is the
    larger one.
    """
    (height, width), vectors = size, outputs / lanes
    neon = neon_of(features)
    by_lane = neon is not None and neon.wide
    registers = 32 if by_lane else _REGISTERS.get(features.vector_bits, 16)
    if neon is not None and not neon.wide:
        # Products are not added by the instruction that makes them: they want registers, too.
        registers -= 4
    steps = steps_together(channels) if by_lane else 1

    def cost(tile: Tile) -> tuple[float, int]:
        tiles = -(-height // tile.rows) * -(-width // tile.columns) * -(-vectors // tile.vectors)
        return tiles * tile.cycles, -tile.pixels * tile.vectors

    candidates = _candidates(height, width, outputs // lanes, registers, config)
    tiles = (replace(tile, steps=steps, by_lane=by_lane) for tile in candidates)
    return min((tile for tile in tiles if tile.fits(registers)), key=cost)


def _candidates(
    height: int, width: int, whole: int, registers: int, config: Mapping[str, int]
) -> Iterator[Tile]:
    most = min(whole, config.get("vectors", 6))
    fewest = most if "vectors" in config else 1
    for vectors in range(fewest, most + 1):
        pixels = config.get("pixels", registers // vectors)
        for rows in range(1, min(4, height, pixels) + 1):
            for columns in range(1, min(width, pixels // rows) + 1):
                yield Tile(rows, columns, vectors)


def _job(conv: Convolution, tile: Tile, lanes: int) -> tuple[int, int]:
    """Return how many rows of the result, and blocks of outputs, make a parallel job.

    Weights that no cache keeps are read once, by jobs that each take a part of the outputs for
    all pixels. Otherwise a job is a few rows, so that what follows finds them in the cache.
    """
    height, width = conv.output_size
    block = tile.vectors * lanes
    blocks = -(-conv.outputs // block)
    steps = conv.taps * conv.channels
    if conv.outputs * steps * FLOAT_BYTES > SHARED_BYTES:
        return height // tile.rows * tile.rows, 1
    row_steps = -(-width // tile.columns) * blocks * steps
    rows = list(range(tile.rows, height + 1, tile.rows))
    # With one product a cycle instead of two, steps take twice as long.
    least = _JOB_STEPS // 2 if tile.by_lane else _JOB_STEPS
    enough = [count for count in rows if count // tile.rows * row_steps >= least] or rows[-1:]
    # Of those no more than twice as large as they must be, the one that computes fewest rows twice.
    fitting = [count for count in enough if count <= 2 * enough[0]]
    return min(fitting, key=lambda count: (-(-height // count) * count, count)), blocks


def part_start(number: Expr, size: int, extent: int) -> Expr:
    """Return where a part begins: the last one is moved back where it would reach past the end."""
    first = number * size
    return first if extent % size == 0 else T.min(first, extent - size)


def _divisors(number: int) -> list[int]:
    return [part for part in range(1, number + 1) if number % part == 0]
