"""From layers to a program: plan, lay out DRAM, order instructions, place tokens, check."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....errors import TargetError
from ..configuration import Configuration
from ..dram_layout import result_bytes, vector_bytes
from ..isa.encoding import Instruction, instruction
from ..isa.instruction_set import FINISH, Plane, Vector
from ..packing import pack_image, pack_residual, unpack_planes
from ..simulator.loading import unpack_vectors
from .deadlock import check_progress
from .dram import DramImage, LayerPlaces, arrange_channels, lay_out
from .geometry import block_bytes
from .layer import OUTSIDE, Layer, check_network
from .plan import PlannedLayer, plan
from .schedule import Scheduler
from .tokens import insert_tokens


@dataclass(frozen=True)
class Program:
    """Instructions for an accelerator, DRAM with the weights, and where all else goes."""

    hardware: Configuration
    instructions: list[Instruction]
    planned: list[PlannedLayer]
    places: list[LayerPlaces]
    _weights: DramImage

    def dram(self) -> np.ndarray:
        """Return DRAM to run the program in: uint8, weights in place, all else zero."""
        return self._weights.bytes()

    def put_image(self, dram: np.ndarray, name: str, image: np.ndarray) -> None:
        """Put the image of a layer into DRAM: int8 (height, width, channels).

        Raises TargetError for a layer whose image does not come from outside, and for a wrong
        shape.
        """
        one, places = self._find(name)
        layer = one.layer
        expected = (layer.height, layer.width, layer.channels)
        if layer.image != OUTSIDE or image.shape != expected:
            raise TargetError(
                f"Layer {name!r} takes an image of {expected} from {layer.image or 'outside'!r}, "
                f"not one of {image.shape} from outside"
            )
        data = pack_image(arrange_channels(layer, image, self.hardware), self.hardware)
        dram[places.image : places.image + len(data)] = data

    def put_residual(self, dram: np.ndarray, name: str, residual: np.ndarray) -> None:
        """Put what is added to a layer's results into DRAM: int16 (outputs, pixels).

        Raises TargetError for a layer that takes none from outside, and for a wrong shape.
        """
        one, places = self._find(name)
        expected = (one.layer.outputs, one.layer.count)
        if one.layer.residual != OUTSIDE or residual.shape != expected:
            raise TargetError(
                f"Layer {name!r}: a residual of {residual.shape} from outside, expected "
                f"{expected} from {one.layer.residual or 'outside'!r}"
            )
        whole = np.zeros((one.geometry.outputs, one.layer.count), np.int16)
        whole[: len(residual)] = residual
        data = pack_residual(whole, self.hardware)
        dram[places.residual : places.residual + len(data)] = data

    def planes(self, dram: np.ndarray, name: str) -> np.ndarray:
        """Return a layer's results channel by channel: int32 or int16 (outputs, pixels).

        Raises TargetError for a layer that stores none.
        """
        one, places = self._find(name)
        kind, geometry = one.layer.plane, one.geometry
        if kind is Plane.NONE:
            raise TargetError(f"Layer {name!r} stores no planes")
        size = geometry.tiles * geometry.outputs * result_bytes(kind, self.hardware)
        data = dram[places.planes : places.planes + size]
        found = unpack_planes(data, kind, geometry.outputs, one.layer.count, self.hardware)
        return found[: one.layer.outputs]

    def vectors(self, dram: np.ndarray, name: str) -> np.ndarray:
        """Return a layer's results as activations: int8 (outputs, pixels).

        Raises TargetError for a layer that makes none, or leaves them on chip.
        """
        one, places = self._find(name)
        if one.layer.vector is Vector.NONE or one.kept_result:
            raise TargetError(f"Layer {name!r} stores no vectors")
        blocks, count = one.geometry.vector_blocks, one.layer.count
        size = block_bytes(count, self.hardware)
        data = dram[places.vectors : places.vectors + blocks * size].reshape(blocks, size)
        used = data[:, : count * vector_bytes(self.hardware)]
        vectors = unpack_vectors(used.reshape(blocks * count, -1), self.hardware)
        channels = vectors.reshape(blocks, count, -1).transpose(0, 2, 1).reshape(-1, count)
        return channels[: one.layer.outputs]

    def _find(self, name: str) -> tuple[PlannedLayer, LayerPlaces]:
        for one, places in zip(self.planned, self.places, strict=True):
            if one.layer.name == name:
                return one, places
        raise TargetError(f"No layer {name!r}: {[one.layer.name for one in self.planned]}")


def generate(layers: Sequence[Layer], hardware: Configuration) -> Program:
    """Return the program that computes layers, in this order.

    Raises TargetError for layers that do not belong together or do not fit the accelerator.
    """
    check_network(list(layers))
    planned = plan(layers, hardware)
    dram = DramImage()
    places = lay_out(planned, dram)
    ordered = [*Scheduler(planned, places, hardware).instructions(), instruction(FINISH)]
    program = insert_tokens(ordered, hardware)
    check_progress(program, hardware)
    return Program(hardware, program, planned, places, dram)
