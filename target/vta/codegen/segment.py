"""The units of work that a program is made of: one pass over one band of a layer."""

from collections.abc import Sequence
from dataclasses import dataclass

from .plan import PlannedLayer


@dataclass(frozen=True)
class Segment:
    """One pass over one band of a layer: one RESP and one GATH, or one BCONV."""

    place: int
    """Of the layer in the network."""
    planned: PlannedLayer
    band: int
    number: int
    """Of the pass."""

    @property
    def first(self) -> int:
        """The first tile."""
        return self.planned.tiling.bands[self.band][0]

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return self.planned.tiling.bands[self.band][1]

    @property
    def first_output(self) -> int:
        """The first output of the pass."""
        return self.number * self.planned.tiling.outputs

    @property
    def outputs(self) -> int:
        """Outputs of the pass."""
        return self.planned.pass_outputs(self.number)

    def chunks(self) -> list[tuple[int, int]]:
        """Return first tile and number of tiles of each chunk."""
        size, end = self.planned.tiling.chunk, self.first + self.tiles
        return [(first, min(size, end - first)) for first in range(self.first, end, size)]


def segments(planned: Sequence[PlannedLayer]) -> list[Segment]:
    """Return the segments of a network in the order in which they are computed."""
    found = []
    for place, one in enumerate(planned):
        bands, passes = range(len(one.tiling.bands)), range(one.tiling.passes)
        passes_first = one.tiling.passes_first
        if passes_first is None:
            passes_first = not (one.kept_image or len(bands) == 1 or _reloads_rows(one))
        if passes_first:
            pairs = [(band, number) for band in bands for number in passes]
        else:
            pairs = [(band, number) for number in passes for band in bands]
        found += [Segment(place, one, band, number) for band, number in pairs]
    return found


def _reloads_rows(one: PlannedLayer) -> bool:
    """Tell whether loading all bands for every pass takes less than all indices for every band."""
    geometry, tiling = one.geometry, one.tiling
    rows = sum(len(geometry.loaded_rows(*band)) for band in tiling.bands)
    vectors = rows * geometry.layer.width * geometry.image_blocks
    indices = geometry.blocks * geometry.outputs // geometry.hardware.adders * geometry.layer.tau
    return vectors * (tiling.passes - 1) < indices * (len(tiling.bands) - 1)
