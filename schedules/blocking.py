"""How a float convolution is cut: register tile, runs of steps, chunks, parallel jobs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..target import Features
from .planes import Convolution

FLOAT_BYTES = 4
_REGISTERS = {512: 32}
"""Vector registers by width; of any other width there are 16."""
_CHUNK_BYTES = {512: 768 << 10}
"""Weights that are used for all pixels of a job before the next ones are read, by vector width:
they are to stay in the second-level cache, 1 MiB or more beside 512-bit registers."""
_SMALL_CHUNK_BYTES = 128 << 10
_SHARED_BYTES = 1 << 20
"""Weights that every job may read whole: they stay in a core's second-level cache."""
_JOBS = 16
"""Parallel jobs, at least, where the work can be divided."""
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

    @property
    def pixels(self) -> int:
        """Pixels of the tile."""
        return self.rows * self.columns

    @property
    def cycles(self) -> float:
        """Estimated cycles of a step: two products, or not quite two loads, in each."""
        products, loads = self.pixels * self.vectors / 2, (self.pixels + self.vectors) / 1.8
        # A sum waits up to five cycles for the one before it; weights come from the second-level
        # cache.
        return max(products, loads, 5.0, 1.5 * self.vectors) + 0.5


@dataclass(frozen=True)
class Blocking:
    """The sizes of one convolution's loops."""

    flat: bool
    """Whether the pixels of all images count as one row: a kernel of one tap, nothing padded."""
    images: int
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
    job_tiles: int
    """Tiles of pixels in a parallel job."""
    job_blocks: int
    """Blocks of outputs in a parallel job."""

    @property
    def across(self) -> int:
        """Tiles in a row of an image."""
        return -(-self.width // self.tile.columns)

    @property
    def tiles(self) -> int:
        """Tiles of an image."""
        return -(-self.height // self.tile.rows) * self.across

    @property
    def bands(self) -> int:
        """Jobs that an image's tiles make; the last one overlaps the one before it if it must."""
        return -(-self.tiles // self.job_tiles)

    @property
    def block(self) -> int:
        """Outputs whose sums are kept together."""
        return self.tile.vectors * self.lanes

    @property
    def blocks(self) -> int:
        """Blocks of outputs; the last one overlaps the one before it if it must."""
        return -(-self.outputs // self.block)


def blocking_of(conv: Convolution, features: Features, config: Mapping[str, int]) -> Blocking:
    """Return the sizes for a convolution; knobs in `config` that do not fit are brought to fit."""
    flat = is_flat(conv)
    height, width = conv.output_size
    images = conv.batch
    if flat:
        images, height, width = 1, 1, conv.batch * height * width
    lanes = features.vector_bytes // FLOAT_BYTES
    while lanes > conv.outputs:
        lanes //= 2
    tile = _tile(height, width, conv.outputs // lanes, conv.outputs / lanes, features, config)
    run = run_of(conv)
    steps = conv.taps * conv.channels
    limit = _CHUNK_BYTES.get(features.vector_bits, _SMALL_CHUNK_BYTES)
    limit = config.get("chunk_kib", 0) << 10 or limit
    wanted = -(-steps * tile.vectors * lanes * FLOAT_BYTES // limit)
    chunks = min(part for part in _divisors(steps // run) if part >= min(wanted, steps // run))
    blocks = -(-conv.outputs // (tile.vectors * lanes))
    tiles = -(-height // tile.rows) * -(-width // tile.columns)
    job_tiles, job_blocks = _job(
        tiles, blocks, steps, images * conv.groups, conv.outputs * steps * FLOAT_BYTES
    )
    return Blocking(
        flat, images, height, width, tile, lanes, conv.outputs, run, chunks, job_tiles, job_blocks
    )


def is_flat(conv: Convolution) -> bool:
    """Return whether each output pixel reads just the input pixel at its place."""
    geometry = conv.geometry
    return conv.kernel == (1, 1) and geometry.strides == (1, 1) and not any(geometry.padding)


def run_of(conv: Convolution) -> int:
    """Return the steps that lie side by side in a pixel's input: a row of taps, or one tap."""
    beside = conv.groups == 1 and conv.geometry.dilation[1] == 1
    return conv.channels * (conv.kernel[1] if beside else 1)


def _tile(
    height: int,
    width: int,
    whole: int,
    vectors: float,
    features: Features,
    config: Mapping[str, int],
) -> Tile:
    """Return the tile that takes the fewest cycles, the larger one of two that take as many."""
    registers = _REGISTERS.get(features.vector_bits, 16)

    def cost(tile: Tile) -> tuple[float, int]:
        tiles = -(-height // tile.rows) * -(-width // tile.columns) * -(-vectors // tile.vectors)
        return tiles * tile.cycles, -tile.pixels * tile.vectors

    return min(_candidates(height, width, whole, registers, config), key=cost)


def _candidates(
    height: int, width: int, whole: int, registers: int, config: Mapping[str, int]
) -> Iterator[Tile]:
    most = min(whole, config.get("vectors", 6))
    fewest = most if "vectors" in config else 1
    for vectors in range(fewest, most + 1):
        # Besides the sums, the weights and one value of the input take a register each.
        pixels = min((registers - vectors - 1) // vectors, config.get("pixels", registers))
        for rows in range(1, min(4, height, pixels) + 1):
            for columns in range(1, min(width, pixels // rows) + 1):
                yield Tile(rows, columns, vectors)


def _job(tiles: int, blocks: int, steps: int, images: int, weight_bytes: int) -> tuple[int, int]:
    """Return how many tiles of pixels, and blocks of outputs, make a parallel job.

    Weights that no cache keeps are divided among the jobs, so that each is read once.
    """
    total = tiles * blocks * images
    wanted = min(_JOBS, max(1, total * steps // _JOB_STEPS))
    wanted = -(-wanted // images)
    by_blocks = min(blocks, wanted) if weight_bytes > _SHARED_BYTES else 1
    parts = min(part for part in _divisors(blocks) if part >= by_blocks)
    bands = min(tiles, -(-wanted // parts))
    return -(-tiles // bands), blocks // parts


def _divisors(number: int) -> list[int]:
    return [part for part in range(1, number + 1) if number % part == 0]
