"""From layers to a program: plan, lay out DRAM, order instructions, place tokens, check."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....errors import TargetError
from ..configuration import Configuration
from ..isa.encoding import Instruction, instruction
from ..isa.instruction_set import FINISH, Plane, Vector
from .deadlock import check_progress
from .dram import DramImage, LayerPlaces, lay_out
from .layer import OUTSIDE, Layer, check_network
from .plan import PlannedLayer, plan
from .ports import Port
from .schedule import Scheduler
from .tokens import insert_tokens
from .tuned import Tilings


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
        self._put(dram, self.image_port(name), image)

    def put_residual(self, dram: np.ndarray, name: str, residual: np.ndarray) -> None:
        """Put what is added to a layer's results into DRAM: int16 (outputs, pixels).

        Raises TargetError for a layer that takes none from outside, and for a wrong shape.
        """
        port = self.residual_port(name)
        height, width, outputs = port.shape
        if residual.shape != (outputs, height * width):
            raise TargetError(
                f"Layer {name!r}: a residual of {residual.shape}, expected "
                f"{(outputs, height * width)}"
            )
        self._put(dram, port, residual.T.reshape(port.shape))

    def planes(self, dram: np.ndarray, name: str) -> np.ndarray:
        """Return a layer's results channel by channel: int32 or int16 (outputs, pixels).

        Raises TargetError for a layer that stores none.
        """
        return self._found(dram, self.planes_port(name))

    def vectors(self, dram: np.ndarray, name: str) -> np.ndarray:
        """Return a layer's results as activations: int8 (outputs, pixels).

        Raises TargetError for a layer that makes none, or leaves them on chip.
        """
        return self._found(dram, self.vectors_port(name))

    def _put(self, dram: np.ndarray, port: Port, array: np.ndarray) -> None:
        data = port.pack(array, self.hardware)
        dram[port.address : port.address + len(data)] = data

    def _found(self, dram: np.ndarray, port: Port) -> np.ndarray:
        size = port.size(self.hardware)
        result = port.unpack(dram[port.address : port.address + size], self.hardware)
        return np.ascontiguousarray(result.reshape(-1, result.shape[2]).T)

    def image_port(self, name: str) -> Port:
        """Return where a layer's image goes. Raises TargetError where it is not from outside."""
        one, places = self._find(name)
        layer = one.layer
        if layer.image != OUTSIDE:
            raise TargetError(f"Layer {name!r} takes its image from {layer.image!r}")
        shape = (layer.height, layer.width, layer.channels)
        return Port("image", name, places.image, shape, layer.unit_vectors)

    def residual_port(self, name: str) -> Port:
        """Return where what is added to a layer's results goes.

        Raises TargetError where it is not from outside.
        """
        one, places = self._find(name)
        if one.layer.residual != OUTSIDE:
            raise TargetError(f"Layer {name!r} takes its residual from {one.layer.residual!r}")
        return Port("residual", name, places.residual, _result(one), one.geometry.outputs)

    def planes_port(self, name: str) -> Port:
        """Return where a layer's results lie channel by channel.

        Raises TargetError for a layer that stores none.
        """
        one, places = self._find(name)
        if one.layer.plane is Plane.NONE:
            raise TargetError(f"Layer {name!r} stores no planes")
        form = one.layer.plane.name.lower()
        return Port(form, name, places.planes, _result(one), one.geometry.outputs)

    def vectors_port(self, name: str) -> Port:
        """Return where a layer's results lie as activations.

        Raises TargetError for a layer that makes none, or leaves them on chip.
        """
        one, places = self._find(name)
        if one.layer.vector is Vector.NONE or one.kept_result:
            raise TargetError(f"Layer {name!r} stores no vectors")
        return Port("activations", name, places.vectors, _result(one), one.layer.outputs)

    def _find(self, name: str) -> tuple[PlannedLayer, LayerPlaces]:
        for one, places in zip(self.planned, self.places, strict=True):
            if one.layer.name == name:
                return one, places
        raise TargetError(f"No layer {name!r}: {[one.layer.name for one in self.planned]}")


def _result(one: PlannedLayer) -> tuple[int, int, int]:
    return one.layer.out_height, one.layer.out_width, one.layer.outputs


def generate(
    layers: Sequence[Layer], hardware: Configuration, tuned: Tilings | None = None
) -> Program:
    """Return the program that computes layers, in this order.

    `tuned` says how some of them are cut: see tuned.py. Raises TargetError for layers that do not
    belong together or do not fit the accelerator.
    """
    check_network(list(layers))
    planned = plan(layers, hardware, tuned)
    dram = DramImage()
    places = lay_out(planned, dram)
    ordered = [*Scheduler(planned, places, hardware).instructions(), instruction(FINISH)]
    program = insert_tokens(ordered, hardware)
    check_progress(program, hardware)
    return Program(hardware, program, planned, places, dram)
