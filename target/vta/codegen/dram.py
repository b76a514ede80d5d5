"""DRAM as a program leaves it to be filled: weights in place, room for images and results."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..dram_layout import PARAMETER_BYTES, result_bytes
from ..isa.instruction_set import Plane, Vector
from ..packing import pack_indices, pack_parameters, pack_subset
from .geometry import Geometry, block_bytes, round_up
from .layer import OUTSIDE
from .plan import PlannedLayer

_ALIGNMENT = 64


@dataclass
class LayerPlaces:
    """Byte addresses of what belongs to a layer."""

    image: int = 0
    subset: int = 0
    indices: list[int] = field(default_factory=list)
    """By pass."""
    parameters: int = 0
    residual: int = 0
    planes: int = 0
    vectors: int = 0


class DramImage:
    """Hands out addresses, and remembers what lies there."""

    def __init__(self) -> None:
        """Begin with empty memory."""
        self._parts: list[tuple[int, np.ndarray]] = []
        self._end = 0

    def put(self, data: np.ndarray) -> int:
        """Place bytes and return their address."""
        address = self.reserve(len(data))
        self._parts.append((address, data))
        return address

    def reserve(self, size: int) -> int:
        """Return the address of so many bytes, zero at first."""
        address = self._end
        self._end = round_up(address + size, _ALIGNMENT)
        return address

    def bytes(self) -> np.ndarray:
        """Return the memory's content, uint8."""
        memory = np.zeros(self._end, np.uint8)
        for address, data in self._parts:
            memory[address : address + len(data)] = data
        return memory


def lay_out(planned: Sequence[PlannedLayer], dram: DramImage) -> list[LayerPlaces]:
    """Put every layer's weights into DRAM and reserve room for images and results."""
    by_name: dict[str, LayerPlaces] = {}
    for one in planned:
        places = _lay_out(one, dram)
        layer = one.layer
        if layer.image == OUTSIDE:
            places.image = dram.reserve(one.geometry.image_blocks * one.geometry.image_block_bytes)
        elif not one.kept_image:
            places.image = by_name[layer.image].vectors
        if layer.residual == OUTSIDE:
            places.residual = dram.reserve(_plane_bytes(one.geometry, Plane.TRUNK))
        elif layer.residual is not None:
            places.residual = by_name[layer.residual].planes
        by_name[layer.name] = places
    return [by_name[one.layer.name] for one in planned]


def _lay_out(one: PlannedLayer, dram: DramImage) -> LayerPlaces:
    layer, geometry, hardware = one.layer, one.geometry, one.geometry.hardware
    places = LayerPlaces()
    if layer.subset is not None:
        places.subset = dram.put(pack_subset(layer.subset.reshape(-1)))
    indices = np.zeros((geometry.outputs, layer.indices.shape[1]), layer.indices.dtype)
    indices[: layer.outputs] = layer.indices
    for number in range(one.tiling.passes):
        first = number * one.tiling.outputs
        rows = indices[first : first + one.pass_outputs(number)]
        places.indices.append(dram.put(pack_indices(rows, layer.tau, hardware)))
    places.parameters = dram.put(_parameters(geometry))
    if layer.plane is not Plane.NONE:
        places.planes = dram.reserve(_plane_bytes(geometry, layer.plane))
    if layer.vector is not Vector.NONE and not one.kept_result:
        places.vectors = dram.reserve(geometry.vector_blocks * block_bytes(layer.count, hardware))
    return places


def _plane_bytes(geometry: Geometry, kind: Plane) -> int:
    return geometry.tiles * geometry.outputs * result_bytes(kind, geometry.hardware)


def needs_affine(geometry: Geometry) -> bool:
    """Tell whether ALU has to scale: what fills up the outputs has to become zero in vectors."""
    layer = geometry.layer
    filled = geometry.outputs > layer.outputs and layer.vector is not Vector.NONE
    return layer.epilogue.affine or filled


def _parameters(geometry: Geometry) -> np.ndarray:
    layer, count = geometry.layer, geometry.layer.outputs
    given = dict(layer.epilogue.parameters)
    if not layer.epilogue.affine:
        given |= {"scale": 1, "bias": 0}
    data = np.zeros(geometry.outputs * PARAMETER_BYTES, np.uint8)
    data[: count * PARAMETER_BYTES] = pack_parameters(count, **given)
    return data
