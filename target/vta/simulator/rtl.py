"""The RTL as a simulator: Verilator makes C++ of it (verilated.py), Python drives it in process."""

from collections.abc import Sequence

import numpy as np

from ....errors import SnnError
from ..configuration import Configuration
from ..driver import registers as at
from ..driver.registers import Counters
from ..isa.encoding import Instruction, encode
from .simulation import MemoryModel, Simulation, load_library
from .trap import Trap, TrapError
from .verilated import compiled_library

__all__ = ["Counters", "MemoryModel", "RtlSimulator"]

_PAGE = 4096


class RtlSimulator:
    """The accelerator of one configuration, compiled from its SystemVerilog."""

    events: np.ndarray
    """Of the last run: uint32 (events, 2 + counters), a row for each cycle in which an engine
    began or left an instruction: masks of the engines that began, that left, and the counters."""

    def __init__(self, hardware: Configuration) -> None:
        """Take the compiled RTL from the cache; where it is not there, compile it (half a minute).

        Raises SnnError when Verilator or the C++ compiler is missing or fails.
        """
        self.hardware = hardware
        self._library = load_library(compiled_library(hardware))

    def simulate(
        self,
        program: Sequence[Instruction],
        dram: np.ndarray,
        memory: MemoryModel | None = None,
        most_cycles: int = 1 << 32,
    ) -> Counters:
        """Run a program to its FINISH. `dram` (uint8) is read and written in place.

        The program itself is put behind the end of `dram`, in memory of its own. Raises TrapError
        where the hardware stops.
        """
        return self.simulate_bytes(encode(program), dram, memory, most_cycles)

    def simulate_bytes(
        self,
        program: bytes,
        dram: np.ndarray,
        memory: MemoryModel | None = None,
        most_cycles: int = 1 << 32,
    ) -> Counters:
        """Run a program that is given as its bytes, legal or not; else as :meth:`simulate`."""
        (ran,) = self.simulate_in_turn([program], dram, memory, most_cycles)
        if isinstance(ran, SnnError):
            raise ran
        return ran

    def simulate_in_turn(
        self,
        programs: Sequence[bytes],
        dram: np.ndarray,
        memory: MemoryModel | None = None,
        most_cycles: int = 1 << 32,
    ) -> list[Counters | SnnError]:
        """Run programs one after the other on one accelerator.

        One that traps (TrapError) or does not end within `most_cycles` is followed by a reset. The
        accelerator is given all addresses; past the end of `dram` the bus answers with an error.
        Raises SnnError for a breach of AXI4's rules.
        """
        data = -(-len(dram) // self.hardware.bus_bytes) * self.hardware.bus_bytes
        start = -(-(data + 1) // _PAGE) * _PAGE
        whole = np.zeros(start + sum(map(len, programs)), np.uint8)
        whole[: len(dram)] = dram
        whole[start:] = np.frombuffer(b"".join(programs), np.uint8)
        simulation = Simulation(
            self._library,
            whole,
            memory or MemoryModel(),
            data_bytes=data,
            read_only_from=start,
        )
        simulation.write(at.MEMORY_SIZE, 0xFFFF_FFFF)
        ran: list[Counters | SnnError] = []
        for program in programs:
            ran.append(_run(simulation, start, len(program) // 16, most_cycles))
            self.events = simulation.events()
            start += len(program)
        dram[:] = whole[: len(dram)]
        return ran


def _run(
    simulation: Simulation, address: int, instructions: int, most_cycles: int
) -> Counters | SnnError:
    simulation.write(at.PROGRAM, address)
    simulation.write(at.LENGTH, instructions)
    simulation.write(at.CONTROL, at.START)
    simulation.run(most_cycles)
    status = simulation.read(at.STATUS)
    values = [simulation.read(at.FIRST_COUNTER + 4 * i) for i in range(at.COUNTERS)]
    if status & at.FINISHED:
        return Counters(*values)
    simulation.write(at.CONTROL, at.RESET)
    trap = Trap(status >> 4 & 7)
    if trap is Trap.NONE:
        return SnnError(f"The program did not end within {most_cycles} cycles")
    return TrapError(trap, f"after {values[0]} cycles")
