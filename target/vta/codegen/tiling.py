"""How a layer is cut: outputs into passes, tiles into bands, bands into chunks.

A pass computes some of the outputs, of which the indices are on chip. A band is a run of tiles of
which the image rows are on chip: one RESP and one GATH. A chunk is a run of tiles of which the
results are on chip: one ALU and its stores.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ....errors import TargetError
from ..isa.instruction_set import Plane, Vector
from .geometry import Geometry, round_up


@dataclass(frozen=True)
class Cut:
    """The numbers that tell the tilings of a layer apart, and their orders."""

    outputs: int
    """Outputs of a pass."""
    bands: int
    first_band: int
    """Tiles of the first band: bands that grow begin with a smaller one than equal bands."""
    chunk: int
    passes_first: int
    """Whether a band is taken through all passes before the next one: 0 or 1."""


@dataclass(frozen=True)
class Tiling:
    """One way to cut a layer."""

    outputs: int
    """Outputs of a pass; the last may have fewer."""
    passes: int
    bands: tuple[tuple[int, int], ...]
    """First tile and number of tiles."""
    chunk: int
    """Tiles of a chunk; a band's last may have fewer."""
    pitch: int
    """Activation lines between two channel blocks of the image."""
    passes_first: bool | None = None
    """Whether a band is taken through all passes before the next one; None: as loads less."""

    @property
    def cut(self) -> Cut | None:
        """What tells the tiling from the layer's others; None where its order is not decided."""
        if self.passes_first is None:
            return None
        numbers = self.outputs, len(self.bands), self.bands[0][1], self.chunk
        return Cut(*numbers, int(self.passes_first))


_FIRST_BAND = 8
"""Tiles of the smallest band: a smaller one ends before the next one's rows are there."""

Cost = Callable[[Tiling], int]


def best_tiling(
    geometry: Geometry,
    activation_lines: int,
    kept_image: bool,
    step: int,
    cost: Cost,
    wanted: Cut | None = None,
) -> Tiling:
    """Return the tiling that is wanted, or the one with the lowest cost where that is not there.

    `activation_lines` are those that images of this layer may take in each bank: two bands' if it
    has more than one. `step` is what the first tile of a band or chunk is a multiple of. Raises
    TargetError when no tiling fits.
    """
    if wanted is not None:
        for tiling in ordered_tilings(geometry, activation_lines, kept_image, step):
            if tiling.cut == wanted:
                return tiling
    found = list(_tilings(geometry, activation_lines, kept_image, step))
    if not found:
        hardware, layer = geometry.hardware, geometry.layer
        raise TargetError(
            f"Layer {layer.name!r} does not fit accelerator {hardware.name!r}: its "
            f"{geometry.image_blocks} vectors a pixel, {layer.width} pixels a row, and the "
            f"indices of {geometry.blocks} blocks need more than {activation_lines} activation "
            f"lines or {hardware.index_lines} index lines; enlarge them in the configuration"
        )
    return min(found, key=cost)


def ordered_tilings(
    geometry: Geometry, activation_lines: int, kept_image: bool, step: int
) -> Iterator[Tiling]:
    """Yield every tiling that fits, in every order: what a search may choose from.

    The arguments are those of :func:`best_tiling`.
    """
    for tiling in _tilings(geometry, activation_lines, kept_image, step):
        several = tiling.passes > 1 and len(tiling.bands) > 1
        for passes_first in (False, True) if several else (False,):
            yield replace(tiling, passes_first=passes_first)


def _tilings(
    geometry: Geometry, activation_lines: int, kept_image: bool, step: int
) -> Iterator[Tiling]:
    for outputs in _outputs_of_a_pass(geometry):
        chunks = _chunks(geometry, outputs, step)
        for bands, pitch in _bandings(geometry, activation_lines, kept_image, step):
            for chunk in chunks:
                passes = -(-geometry.outputs // outputs)
                yield Tiling(outputs, passes, bands, chunk, pitch)


def _outputs_of_a_pass(geometry: Geometry) -> list[int]:
    """Return how many outputs fit: with two sets of indices on chip, and with one."""
    hardware = geometry.hardware
    found = set()
    for share in (2, 1):
        groups = hardware.index_lines // share // geometry.blocks
        most = min(groups * hardware.adders, hardware.outputs, *_result_lines(geometry))
        if most >= geometry.outputs:
            found.add(geometry.outputs)
        elif most >= geometry.pass_step:
            found.add(most // geometry.pass_step * geometry.pass_step)
    return sorted(found)


def _result_lines(geometry: Geometry) -> list[int]:
    """Return for each memory of results that is used how many outputs of one tile it holds."""
    hardware, layer = geometry.hardware, geometry.layer
    found = []
    if layer.plane is not Plane.NONE:
        found.append(hardware.plane_lines)
    if layer.residual is not None:
        found.append(hardware.residual_lines)
    if layer.vector is not Vector.NONE:
        found.append(hardware.vector_lines // hardware.pixels * hardware.channels)
    return found or [hardware.outputs]


def _chunks(geometry: Geometry, outputs: int, step: int) -> list[int]:
    """Return sizes of chunks of which two fit, or the smallest there is."""
    hardware = geometry.hardware
    blocks = -(-outputs // hardware.channels)
    limits = [4095]
    if geometry.layer.plane is not Plane.NONE:
        limits.append(hardware.plane_lines // outputs)
    if geometry.layer.residual is not None:
        limits.append(hardware.residual_lines // outputs)
    if geometry.layer.vector is not Vector.NONE:
        limits.append(hardware.vector_lines // (blocks * hardware.pixels))
    most = min(limits)
    sizes = {
        round_up(-(-geometry.tiles // parts), step)
        for parts in (*range(1, 17), 24, 32, 48, 64, 98, geometry.tiles)
    }
    return sorted(size for size in sizes if size <= most // 2) or ([step] if step <= most else [])


def _bandings(
    geometry: Geometry, activation_lines: int, kept_image: bool, step: int
) -> Iterator[tuple[tuple[tuple[int, int], ...], int]]:
    """Yield bands and their pitch: the whole image, equal parts of it, and parts that grow.

    Few bands are best: the next layer's rows are loaded during the last, and take time. But
    nothing begins before the rows of the first are there.
    """
    steps, least = -(-geometry.tiles // step), 0
    for number in range(1, steps + 1):
        size = round_up(-(-geometry.tiles // number), step)
        bands = tuple(
            (first, min(size, geometry.tiles - first)) for first in range(0, geometry.tiles, size)
        )
        if len(bands) != number or size > _most_tiles(geometry):
            continue
        if kept_image:
            if number > 3:
                return
            yield bands, geometry.kept_pitch
            continue
        slots = 1 if number == 1 else 2
        room = activation_lines // (slots * geometry.image_blocks)
        if _pitch(geometry, bands) <= room:
            yield bands, _pitch(geometry, bands)
            grown = _growing(geometry.tiles, size, step)
            if len(grown) > 1 and _pitch(geometry, grown) <= activation_lines // (
                2 * geometry.image_blocks
            ):
                yield grown, _pitch(geometry, grown)
            least = least or number
            if number >= least + 4:
                return


def _growing(tiles: int, largest: int, step: int) -> tuple[tuple[int, int], ...]:
    """Return bands of which each is twice as large as the one before it, as far as that goes."""
    first = next(
        (size for size in (largest >> shift for shift in range(12, 0, -1)) if size >= _FIRST_BAND),
        largest,
    )
    size, begin, found = round_up(first, step), 0, []
    while begin < tiles:
        found.append((begin, min(size, tiles - begin)))
        begin += size
        size = min(2 * size, largest)
    return tuple(found)


def _pitch(geometry: Geometry, bands: Sequence[tuple[int, int]]) -> int:
    return max(geometry.quads(*band) for band in bands) * geometry.layer.width


def _most_tiles(geometry: Geometry) -> int:
    """Return how many tiles the fields of RESP and GATH can say."""
    return min(4095, 65535 // geometry.hardware.pixels)
