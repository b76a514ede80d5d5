"""What an artifact holds for the accelerator: of each region its program, memory and ports."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import ArtifactError
from .progress import phase
from .relay_passes.regions import Region
from .target.vta.codegen.generate import Program, generate
from .target.vta.codegen.ports import INPUTS, Port
from .target.vta.codegen.tuned import Tilings
from .target.vta.configuration import Configuration
from .target.vta.isa.encoding import encode
from .target.vta.isa.fields import INSTRUCTION_BYTES


@dataclass(frozen=True)
class RegionProgram:
    """Convolutions that the accelerator computes without the processor between."""

    layers: tuple[str, ...]
    inputs: tuple[Port, ...]
    """In the order of the call's arguments."""
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
        ports = (*self.inputs, *self.results)
        inside = all(
            0 <= port.address <= port.address + port.size(hardware) <= self.memory_bytes
            for port in ports
        )
        forms = all(one.form in INPUTS for one in self.inputs)
        forms = forms and not any(one.form in INPUTS for one in self.results)
        whole = self.instructions and len(self.instructions) % INSTRUCTION_BYTES == 0
        fits = len(self.memory) <= self.memory_bytes and len(self.results) == len(self.tensors)
        if not (inside and forms and whole and fits and self.layers and self.inputs):
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
        inputs=tuple(_port(program, one.form, one.layer) for one in region.inputs),
        results=tuple(_port(program, one.form, one.layer) for one in region.results),
        tensors=tuple(result.tensor for result in region.results),
        instructions=encode(program.instructions),
        memory=memory.tobytes().rstrip(b"\0"),
        memory_bytes=len(memory),
    )


def _port(program: Program, form: str, layer: str) -> Port:
    """Return where a layer's tensor of a form lies in a program's memory."""
    find = {
        "image": program.image_port,
        "residual": program.residual_port,
        "activations": program.vectors_port,
    }
    return find.get(form, program.planes_port)(layer)
