"""One Verilated accelerator in this process, with the DRAM beside it (rtl_bridge.cpp)."""

import ctypes
import weakref
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from ....errors import SnnError
from ..driver.registers import COUNTERS


@dataclass(frozen=True)
class MemoryModel:
    """How the simulated DRAM behaves."""

    latency: int = 30
    """Cycles from a read's address to its first word, and from a write's last to its answer."""
    stall_percent: int = 0
    """How often each channel holds still for a cycle, at random."""
    seed: int = 0
    """For the stalls, and for what registers and memories hold before the first reset."""
    cycles_per_word: int = 1
    """Cycles from one word to the next, each way: the inverse of the bandwidth."""


class Simulation:
    """An accelerator after its reset. Everything happens in cycles of its clock."""

    def __init__(
        self,
        library: ctypes.CDLL,
        memory: np.ndarray,
        model: MemoryModel,
        base: int = 0,
        data_bytes: int | None = None,
        read_only_from: int | None = None,
    ) -> None:
        """Connect an accelerator to DRAM: `memory` (uint8), at addresses from `base`.

        It may read and write the first `data_bytes`, and read what is at `read_only_from` and
        behind; anywhere else, the bus answers with an error. By default, all may be written.
        """
        size = len(memory)
        self._library, self._memory = library, memory
        self._handle = library.simulation_create(
            memory.ctypes.data,
            *(base, size if data_bytes is None else data_bytes),
            *(size if read_only_from is None else read_only_from, size),
            *astuple(model),
        )
        weakref.finalize(self, library.simulation_destroy, self._handle)

    def read(self, offset: int = 0) -> int:
        """Return a register, through AXI4-Lite. Raises SnnError for a breach of AXI4's rules."""
        value: int = self._library.simulation_read(self._handle, offset)
        breach = self._library.simulation_breach(self._handle)
        if breach:
            raise SnnError(f"The accelerator broke a rule of AXI4: {breach.decode()}")
        return value

    def write(self, offset: int, data: int) -> None:
        """Set a register, through AXI4-Lite."""
        self._library.simulation_write(self._handle, offset, data)

    def run(self, most_cycles: int) -> None:
        """Let time pass until the interrupt, at most so many cycles."""
        self._library.simulation_run(self._handle, most_cycles)

    def events(self) -> np.ndarray:
        """Return the events of the last `run`, see :attr:`RtlSimulator.events`."""
        library, handle = self._library, self._handle
        rows = np.zeros((library.simulation_event_count(handle), 2 + COUNTERS), np.uint32)
        library.simulation_events(handle, rows.ctypes.data)
        return rows

    @property
    def cycles(self) -> int:
        """Cycles since the simulation began."""
        count: int = self._library.simulation_now(self._handle)
        return count


def load_library(path: Path) -> ctypes.CDLL:
    """Return the functions of a compiled accelerator."""
    library = ctypes.CDLL(str(path))
    handle, word, long = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
    for name, result, arguments in (
        ("create", handle, [handle, long, long, long, long, word, word, word, word]),
        ("breach", ctypes.c_char_p, [handle]),
        ("destroy", None, [handle]),
        ("write", None, [handle, word, word]),
        ("read", word, [handle, word]),
        ("run", None, [handle, long]),
        ("now", long, [handle]),
        ("event_count", long, [handle]),
        ("events", None, [handle, handle]),
    ):
        function = getattr(library, f"simulation_{name}")
        function.restype, function.argtypes = result, arguments
    return library
