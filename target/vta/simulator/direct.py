"""Simulators with the driver's face: programs are loaded, given data, run, and looked into."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ....errors import TargetError
from ..configuration import Configuration
from ..isa.encoding import decode
from .functional import simulate
from .rtl import Counters, RtlSimulator

Run = Callable[[bytes, NDArray[np.uint8]], Counters | None]

SIMULATORS = ("functional", "rtl")
"""What an accelerator can be simulated with."""


class LoadedProgram(Protocol):
    """A program in an accelerator's memory."""

    def write(self, address: int, data: NDArray) -> None:
        """Put an array's bytes into the program's memory."""

    def run(self) -> Counters | None:
        """Run the program; return what the hardware counted, None where nothing counts."""

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
        return _Simulated(lambda code, memory: simulate(decode(code), memory, hardware))
    if simulator == "rtl":
        rtl = RtlSimulator(hardware)
        return _Simulated(lambda code, memory: rtl.simulate_bytes(code, memory))
    raise TargetError(
        f"There is no simulator {simulator!r} of the accelerator; there are "
        f"{', '.join(map(repr, SIMULATORS))}."
    )


class _Simulated:
    def __init__(self, run: Run) -> None:
        self._run = run

    def load(self, instructions: bytes, memory: NDArray[np.uint8]) -> "_Program":
        return _Program(self._run, instructions, memory.copy())


class _Program:
    def __init__(self, run: Run, instructions: bytes, memory: NDArray[np.uint8]) -> None:
        self._run, self._instructions, self._memory = run, instructions, memory

    def write(self, address: int, data: NDArray) -> None:
        values = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        self._memory[address : address + len(values)] = values

    def run(self) -> Counters | None:
        return self._run(self._instructions, self._memory)

    def read(self, address: int, size: int) -> NDArray[np.uint8]:
        return self._memory[address : address + size].copy()
