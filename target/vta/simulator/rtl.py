"""The RTL as a simulator: Verilator makes C++ of it (verilated.py), Python drives it in process."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....errors import SnnError
from ..configuration import Configuration
from ..isa.encoding import Instruction, encode
from .trap import Trap, TrapError
from .verilated import compiled_library

_PAGE = 4096

CONTROL, STATUS, PROGRAM, LENGTH, FIRST_COUNTER = 0x00, 0x04, 0x08, 0x0C, 0x20
"""Byte addresses of the control registers; see rtl/control_registers.sv."""


@dataclass(frozen=True)
class Counters:
    """What the hardware counted during a run, in cycles, words of the bus where it says so."""

    cycles: int
    load_busy: int
    responding: int
    gathering: int
    finishing: int
    store_busy: int
    words_read: int
    words_written: int
    response_without_window: int
    response_without_slot: int
    gather_without_source: int
    gather_without_bank: int


@dataclass(frozen=True)
class MemoryModel:
    """How the simulated DRAM behaves."""

    latency: int = 30
    """Cycles from a read's address to its first word, and from a write's last to its answer."""
    stall_percent: int = 0
    """How often each channel holds still for a cycle, at random."""
    seed: int = 0


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
        self._library = _load(compiled_library(hardware))

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

        One that traps (TrapError) or does not end within `most_cycles` is followed by a reset.
        Raises SnnError for a breach of AXI4's rules.
        """
        memory = memory or MemoryModel()
        data = -(-len(dram) // self.hardware.bus_bytes) * self.hardware.bus_bytes
        start = -(-(data + 1) // _PAGE) * _PAGE
        whole = np.zeros(start + sum(map(len, programs)), np.uint8)
        whole[: len(dram)] = dram
        whole[start:] = np.frombuffer(b"".join(programs), np.uint8)
        library = self._library
        handle = library.simulation_create(
            whole.ctypes.data,
            *(data, start, len(whole)),
            *(memory.latency, memory.stall_percent, memory.seed),
        )
        ran: list[Counters | SnnError] = []
        try:
            for program in programs:
                ran.append(self._run(handle, start, len(program) // 16, most_cycles))
                start += len(program)
            breach = library.simulation_breach(handle)
        finally:
            library.simulation_destroy(handle)
        if breach:
            raise SnnError(f"The accelerator broke a rule of AXI4: {breach.decode()}")
        dram[:] = whole[: len(dram)]
        return ran

    def _run(
        self, handle: int, address: int, instructions: int, most_cycles: int
    ) -> Counters | SnnError:
        library = self._library
        library.simulation_write(handle, PROGRAM, address)
        library.simulation_write(handle, LENGTH, instructions)
        library.simulation_write(handle, CONTROL, 1)
        library.simulation_run(handle, most_cycles)
        count = library.simulation_event_count(handle)
        self.events = np.zeros((count, 2 + len(Counters.__dataclass_fields__)), np.uint32)
        library.simulation_events(handle, self.events.ctypes.data)
        status = library.simulation_read(handle, STATUS)
        values = [
            library.simulation_read(handle, FIRST_COUNTER + 4 * i)
            for i in range(len(Counters.__dataclass_fields__))
        ]
        trap = Trap(status >> 4 & 7)
        if trap is Trap.NONE and status & 2:
            return Counters(*values)
        library.simulation_write(handle, CONTROL, 2)
        if trap is Trap.NONE:
            return SnnError(f"The program did not end within {most_cycles} cycles")
        return TrapError(trap, f"after {values[0]} cycles")


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    handle, word, long = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
    for name, result, arguments in (
        ("create", handle, [handle, long, long, long, word, word, word]),
        ("breach", ctypes.c_char_p, [handle]),
        ("destroy", None, [handle]),
        ("write", None, [handle, word, word]),
        ("read", word, [handle, word]),
        ("run", long, [handle, long]),
        ("event_count", long, [handle]),
        ("events", None, [handle, handle]),
    ):
        function = getattr(library, f"simulation_{name}")
        function.restype, function.argtypes = result, arguments
    return library
