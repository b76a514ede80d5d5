"""Decides for each layer how it is cut, and which images stay on chip between two layers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ....errors import TargetError
from ..configuration import Configuration
from ..isa.instruction_set import Vector
from .estimate import estimate
from .geometry import Geometry
from .layer import Layer
from .tiling import Tiling, best_tiling, ordered_tilings
from .tuned import Situation, Tilings


@dataclass(frozen=True)
class PlannedLayer:
    """A layer, how it is cut, and where its image and its vectors are."""

    layer: Layer
    geometry: Geometry
    tiling: Tiling
    kept_image: bool
    """The layer before it leaves the image on chip."""
    kept_result: bool
    """Its vectors stay on chip, and are not stored."""
    image_lines: range = range(0)
    """With `kept_image`: where the image lies."""
    result_lines: range = range(0)
    """With `kept_result`: where the next layer's image will lie."""
    free_lines: int = 0
    """Activation lines that its own images may take in each bank."""

    @property
    def situation(self) -> Situation:
        """What the best tiling depends on."""
        return Situation.of(self.geometry, self.kept_image, self.kept_result)

    def tilings(self) -> list[Tiling]:
        """Return every way to cut the layer, in every order."""
        step = _step(self.geometry, self.kept_result)
        return list(ordered_tilings(self.geometry, self.free_lines, self.kept_image, step))

    def pass_outputs(self, number: int) -> int:
        """Return how many outputs a pass computes."""
        return min(self.tiling.outputs, self.geometry.outputs - number * self.tiling.outputs)


def plan(
    layers: Sequence[Layer], hardware: Configuration, tuned: Tilings | None = None
) -> list[PlannedLayer]:
    """Return the plan of a network. Raises TargetError for a layer that cannot be cut to fit.

    Layers are cut as in `tuned`, those that are not there as is estimated to be best. Vectors stay
    on chip where only the next layer reads them, there is room, and the two layers are estimated to
    take no longer than with the vectors in DRAM.
    """
    geometries = [Geometry(layer, hardware) for layer in layers]
    readers = Counter(layer.image for layer in layers)
    planned: list[PlannedLayer] = []
    kept = False
    for place, geometry in enumerate(geometries):
        _check_limits(geometry)
        following = geometries[place + 1] if place + 1 < len(geometries) else None
        name = geometry.layer.name
        single = following is not None and following.layer.image == name and readers[name] == 1
        single = single and not geometry.layer.exported
        keep = following is not None and single and _saves(geometry, following, kept)
        free = hardware.activation_lines
        image = planned[-1].result_lines if kept else range(0)
        result = range(0)
        if keep:
            assert following is not None
            lines = _whole(following)
            free -= lines
            # At the other end than the image, so that what is left is in one piece.
            result = range(free, free + lines) if kept and image.start == 0 else range(lines)
        tiling = _tile(geometry, free, kept, keep, tuned)
        planned.append(
            PlannedLayer(geometry.layer, geometry, tiling, kept, keep, image, result, free)
        )
        kept = keep
    return planned


def _saves(geometry: Geometry, following: Geometry, kept: bool) -> bool:
    """Tell whether two layers take no longer if what lies between them stays on chip."""
    lines = geometry.hardware.activation_lines
    free = lines - _whole(following)
    # The other half is for the images of the layers before and after, which are there as well.
    if free < max(_whole(following), _whole(geometry) if kept else 1):
        return False
    try:
        first = _tile(geometry, free, kept, True)
    except TargetError:
        return False
    on_chip = estimate(geometry, first, kept, True)
    on_chip += estimate(following, _tile(following, lines, True, False), True, False)
    through_dram = estimate(geometry, _tile(geometry, lines, kept, False), kept, False)
    through_dram += estimate(following, _tile(following, lines, False, False), False, False)
    return on_chip <= through_dram


def _tile(
    geometry: Geometry,
    lines: int,
    kept_image: bool,
    kept_result: bool,
    tuned: Tilings | None = None,
) -> Tiling:
    return best_tiling(
        geometry,
        lines,
        kept_image,
        _step(geometry, kept_result),
        lambda tiling: estimate(geometry, tiling, kept_image, kept_result),
        tuned.find(Situation.of(geometry, kept_image, kept_result)) if tuned else None,
    )


def _step(geometry: Geometry, kept_result: bool) -> int:
    """Return what the first tile of a band or chunk is a multiple of."""
    stored = geometry.layer.vector is not Vector.NONE and not kept_result
    return geometry.tile_step if stored else 1


def _whole(geometry: Geometry) -> int:
    """Return the activation lines of a whole image."""
    return geometry.kept_pitch * geometry.image_blocks


def _check_limits(geometry: Geometry) -> None:
    """Raise TargetError for what no tiling changes."""
    layer, hardware = geometry.layer, geometry.hardware
    kernels = 0 if layer.subset is None else layer.kernels
    subset = 0 if layer.subset is None else layer.subset.size
    words = geometry.image_block_bytes // hardware.bus_bytes
    for found, most, what in (
        (layer.tau, hardware.index_bits, "bits of an index (index_bits)"),
        (kernels, hardware.responses, "kernels of a subset (responses)"),
        (subset, hardware.subset_lines, "kernels of all parts of a subset (subset_lines)"),
        (max(layer.height, layer.width, layer.out_width), 1023, "rows or columns"),
        (geometry.image_blocks, 255, "vectors of a pixel"),
        (words, (1 << 14) - 1, "bus words of a channel block"),
    ):
        if found > most:
            raise TargetError(
                f"Layer {layer.name!r} does not fit accelerator {hardware.name!r}: it has {found} "
                f"{what}, of which there may be {most}"
            )
