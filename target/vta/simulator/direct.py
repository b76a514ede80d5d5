"""Simulated accelerators for programs: behind the driver, or the RTL with the driver's face."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ....errors import TargetError
from ..configuration import Configuration
from ..driver import Accelerator
from .functional_device import FunctionalDevice
from .rtl import RtlSimulator

SIMULATORS = ("functional", "rtl")
"""What an accelerator can be simulated with."""


class HasCycles(Protocol):
    """What was counted during a run."""

    @property
    def cycles(self) -> int:
        """Clock cycles; 0 where there is no clock."""


class LoadedProgram(Protocol):
    """A program in an accelerator's memory."""

    def write(self, address: int, data: NDArray[Any]) -> None:
        """Put an array's bytes into the program's memory."""

    def run(self) -> HasCycles:
        """Run the program; return what was counted."""

    def read(self, address: int, size: int) -> NDArray[np.uint8]:
        """Return a copy of some bytes of the program's memory."""


class AcceleratorLike(Protocol):
    """An accelerator, on a board or simulated."""

    def load(self, instructions: bytes, memory: NDArray[np.uint8]) -> LoadedProgram:
        """Put a program and its memory where the accelerator sees them."""


def simulated(hardware: Configuration, simulator: str) -> AcceleratorLike:
    """Return a simulated accelerator; `simulator` is one of SIMULATORS.

    Raises TargetError for another name, SnnError where the RTL cannot be compiled.
    """
    if simulator == "functional":
        return Accelerator(FunctionalDevice(hardware), hardware.identity)
    if simulator == "rtl":
        return _Rtl(RtlSimulator(hardware))
    raise TargetError(
        f"There is no simulator {simulator!r} of the accelerator; there are "
        f"{', '.join(map(repr, SIMULATORS))}."
    )


class _Rtl:
    def __init__(self, simulator: RtlSimulator) -> None:
        self._simulator = simulator

    def load(self, instructions: bytes, memory: NDArray[np.uint8]) -> "_RtlProgram":
        return _RtlProgram(self._simulator, instructions, memory.copy())


class _RtlProgram:
    def __init__(
        self, simulator: RtlSimulator, instructions: bytes, memory: NDArray[np.uint8]
    ) -> None:
        self._simulator, self._instructions, self._memory = simulator, instructions, memory

    def write(self, address: int, data: NDArray[Any]) -> None:
        values = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        self._memory[address : address + len(values)] = values

    def run(self) -> HasCycles:
        return self._simulator.simulate_bytes(self._instructions, self._memory)

    def read(self, address: int, size: int) -> NDArray[np.uint8]:
        return self._memory[address : address + size].copy()
