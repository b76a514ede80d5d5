"""How many cycles a layer takes under a tiling, by counting what each engine has to do.

Engines work side by side, so a band takes as long as its slowest engine, and a restart of the
response engine. This ranks tilings; it is no model of the hardware to the cycle.
"""

from dataclasses import dataclass

from ..configuration import Configuration
from ..dram_layout import PARAMETER_BYTES, line_bytes, plane_bytes, result_bytes, vector_bytes
from ..isa.instruction_set import Memory, Plane, Vector
from .geometry import Geometry
from .layer import OUTSIDE
from .tiling import Tiling

_INSTRUCTION = 4
"""Cycles that an engine loses between two instructions."""

_LATENCY = 30
"""Cycles from a request to DRAM to its answer."""


@dataclass(frozen=True)
class Work:
    """Cycles that each engine is busy with one band and one pass."""

    compute: int
    load: int
    alu: int
    store: int


def estimate(geometry: Geometry, tiling: Tiling, kept_image: bool, kept_result: bool) -> int:
    """Return the cycles of a layer, the engines being pipelined with its neighbours' work."""
    works = [
        band_work(geometry, tiling, band, kept_image, kept_result)
        for band in range(len(tiling.bands))
    ]
    total = tiling.passes * max(
        sum(work.compute for work in works),
        sum(work.load for work in works),
        sum(work.alu for work in works),
        sum(work.store for work in works),
    )
    stores = 1 if kept_result else geometry.vector_blocks
    chunks = sum(-(-tiles // tiling.chunk) for _, tiles in tiling.bands) * tiling.passes
    total += chunks * (1 + stores) * _INSTRUCTION
    first, last = works[0], works[-1]
    chunk = min(tiling.chunk, tiling.bands[-1][1])
    drain = (last.alu + last.store) * chunk // tiling.bands[-1][1]
    # The next layer begins, or the program ends, when the last chunks have been stored.
    total += drain
    if len(tiling.bands) == 1:
        # Nothing begins before all of the image is there, the last chunk included.
        total += drain
    if not kept_image and (len(tiling.bands) == 1 or geometry.layer.image == OUTSIDE):
        total += first.load
    return total


def band_work(
    geometry: Geometry, tiling: Tiling, band: int, kept_image: bool, kept_result: bool
) -> Work:
    """Return what the engines do for one pass of a band."""
    hardware, layer = geometry.hardware, geometry.layer
    first, tiles = tiling.bands[band]
    blocks = tiles * geometry.blocks
    compute = blocks * block_cycles(geometry, tiling.outputs)
    restart = layer.kernels * hardware.tree_sharing if not layer.binary else 0
    loaded = 0
    if not kept_image:
        vectors = len(geometry.loaded_rows(first, tiles)) * layer.width
        loaded += geometry.image_blocks * _units(vectors, vector_bytes(hardware), hardware)
    if band == 0 or tiling.passes > 1:
        lines = geometry.blocks * -(-tiling.outputs // hardware.adders)
        loaded += _units(lines * layer.tau, plane_bytes(hardware), hardware)
        loaded += _units(tiling.outputs, PARAMETER_BYTES, hardware)
    results = tiles * tiling.outputs
    if layer.residual is not None:
        loaded += _units(results, line_bytes(Memory.RESIDUAL, hardware, 0), hardware)
        loaded += -(-tiles // tiling.chunk) * (_LATENCY + _INSTRUCTION)
    alu, store = _result_cycles(geometry, tiling, tiles, kept_result)
    return Work(compute + restart + 2 * _LATENCY, loaded, alu, store)


def block_cycles(geometry: Geometry, outputs: int) -> int:
    """Return the cycles of a block of windows on the engine that is busy longest with it."""
    hardware, layer = geometry.hardware, geometry.layer
    groups = -(-outputs // hardware.adders)
    if layer.binary:
        work = groups * hardware.adders * hardware.tree_sharing
    else:
        parts = 1 if layer.subset is None else len(layer.subset)
        work = max(layer.kernels * hardware.tree_sharing * parts, groups)
    return max(work, _window_cycles(geometry))


def _window_cycles(geometry: Geometry) -> int:
    """Return the cycles in which a block's windows are loaded: the columns under its pixels."""
    hardware, layer = geometry.hardware, geometry.layer
    if layer.window_rows == 1:
        return layer.unit_vectors * hardware.pixels
    rows = 1 + (hardware.pixels - 1) // layer.out_width
    return layer.unit_vectors * (layer.stride * (hardware.pixels - rows) + 3 * rows)


def _result_cycles(
    geometry: Geometry, tiling: Tiling, tiles: int, kept_result: bool
) -> tuple[int, int]:
    hardware, layer = geometry.hardware, geometry.layer
    results = tiles * tiling.outputs
    chunks = -(-tiles // tiling.chunk)
    alu, store = results * hardware.alu_turns, 0
    if layer.plane is not Plane.NONE:
        words = -(-result_bytes(layer.plane, hardware) // hardware.bus_bytes)
        store += results * words + chunks * (_LATENCY + _INSTRUCTION)
    if layer.vector is not Vector.NONE:
        blocks = -(-tiling.outputs // hardware.channels)
        # Vectors are written pixel by pixel while those of the next channels are made.
        alu = max(alu, tiles * blocks * hardware.pixels)
        words = 1 if kept_result else -(-vector_bytes(hardware) // hardware.bus_bytes)
        store += tiles * blocks * hardware.pixels * words
        store += chunks * (_INSTRUCTION if kept_result else blocks * _INSTRUCTION + _LATENCY)
    return alu + chunks * (_INSTRUCTION + hardware.pixels), store


def _units(count: int, size: int, hardware: Configuration) -> int:
    """Return the cycles in which units are loaded: one a cycle, or the bus's words."""
    return max(count, -(-count * size // hardware.bus_bytes))
