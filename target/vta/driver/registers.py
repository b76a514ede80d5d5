"""The registers that software sees, as rtl/control_registers.sv has them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

CONTROL = 0x00
"""Write START or RESET."""
STATUS = 0x04
"""RUNNING, FINISHED, BUS_QUIET; bits 6:4 the trap, 10:8 the engine that it came from."""
PROGRAM = 0x08
"""Address of the first instruction."""
LENGTH = 0x0C
"""Number of instructions."""
IDENTITY = 0x10
"""Which configuration this is; read only."""
MEMORY = 0x14
"""Address of the memory that instructions see: their addresses count from here."""
MEMORY_SIZE = 0x18
"""Its bytes; what reaches past them traps."""
FIRST_COUNTER = 0x20
"""The counters, in the order of Counters."""
FIRST_PLACE = 0x50
"""How far a program came, in the order of Places."""
REGISTER_BYTES = 0x100
"""The size of the register file's window."""

START, RESET = 1, 2
"""Bits of CONTROL."""
RUNNING, FINISHED, BUS_QUIET = 1, 2, 4
"""Bits of STATUS."""


class Trap(IntEnum):
    """Why the accelerator stopped: bits 6:4 of STATUS."""

    NONE = 0
    OPCODE = 1
    """An opcode that does not exist, or a program without FINISH."""
    FIELD = 2
    """A field whose value is not legal."""
    ADDRESS = 3
    """A line past the end of a memory."""
    BUS = 4
    """An error on the memory bus, an address past the program's memory or not aligned."""
    DEADLOCK = 5
    """Every engine waits for another."""


ENGINES = ("load", "response", "gather", "alu", "store")
"""By number: bits 10:8 of STATUS say which one trapped."""
FETCH, NOWHERE = 5, 7
"""What these bits say where fetch trapped, and where none of them did."""


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
class Places:
    """How many instructions were fetched, and how many each engine has done."""

    fetched: int
    load: int
    response: int
    gather: int
    alu: int
    store: int


COUNTERS, PLACES = len(fields(Counters)), len(fields(Places))
