"""What an artifact holds for the accelerator: of each region its program, memory and ports."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import ArtifactError
from .progress import phase
from .relay_passes.partition import Region
from .target.vta.codegen.generate import generate
from .target.vta.codegen.ports import INPUTS, Port
from .target.vta.codegen.tuned import Tilings
from .target.vta.configuration import Configuration
from .target.vta.isa.encoding import encode
from .target.vta.isa.fields import INSTRUCTION_BYTES


@dataclass(frozen=True)
class RegionProgram:
    """Convolutions that the accelerator computes without the processor between."""

    layers: tuple[str, ...]
    image: Port
    results: tuple[Port, ...]
    tensors: tuple[str, ...]
    """The results' variables in the network."""
    instructions: bytes
    memory: bytes
    """Packed weights where the program expects them; zeros at the end are left out."""
    memory_bytes: int
    """The size of all its memory."""

    def filled_memory(self) -> NDArray[np.uint8]:
        """Return the memory to run the program in."""
        memory = np.zeros(self.memory_bytes, np.uint8)
        memory[: len(self.memory)] = np.frombuffer(self.memory, np.uint8)
        return memory

    def check(self, hardware: Configuration) -> None:
        """Raise ArtifactError where the parts do not fit together."""
        ports = (self.image, *self.results)
        inside = all(
            0 <= port.address <= port.address + port.size(hardware) <= self.memory_bytes
            for port in ports
        )
        forms = self.image.form in INPUTS and not any(r.form in INPUTS for r in self.results)
        whole = self.instructions and len(self.instructions) % INSTRUCTION_BYTES == 0
        fits = len(self.memory) <= self.memory_bytes and len(self.results) == len(self.tensors)
        if not (inside and forms and whole and fits and self.layers):
            raise ArtifactError(
                f"The accelerator's program of layers {', '.join(self.layers)} does not fit its "
                "own description. The artifact is damaged: compile it anew."
            )


@dataclass(frozen=True)
class AcceleratorPrograms:
    """The accelerator's part of a network."""

    hardware: Configuration
    regions: tuple[RegionProgram, ...]
    weights: tuple[str, ...]
    """The network's weights that only the programs have a part of, the library none."""


def generate_programs(
    regions: Sequence[Region],
    hardware: Configuration,
    weights: Sequence[str],
    tilings: Tilings | None = None,
) -> AcceleratorPrograms:
    """Generate the program of every region; `weights` are those that the library has no part of.

    Layers are cut as in `tilings`, as far as they are there.
    """
    with phase("generating the accelerator's programs"):
        programs = tuple(_generate(one, hardware, tilings) for one in regions)
    return AcceleratorPrograms(hardware, programs, tuple(weights))


def _generate(region: Region, hardware: Configuration, tilings: Tilings | None) -> RegionProgram:
    program = generate(region.layers, hardware, tilings)
    memory = program.dram()
    return RegionProgram(
        layers=tuple(layer.name for layer in region.layers),
        image=program.image_port(region.layers[0].name),
        results=tuple(
            program.vectors_port(result.layer)
            if result.vectors
            else program.planes_port(result.layer)
            for result in region.results
        ),
        tensors=tuple(result.tensor for result in region.results),
        instructions=encode(program.instructions),
        memory=memory.tobytes().rstrip(b"\0"),
        memory_bytes=len(memory),
    )
