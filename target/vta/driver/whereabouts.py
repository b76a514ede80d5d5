"""Which instruction the accelerator stopped at, in words."""

from __future__ import annotations

from .opcodes import OPCODES
from .registers import ENGINES, FETCH, Places, Trap

INSTRUCTION_BYTES = 16


def describe_trap(instructions: bytes, places: Places, trap: Trap, engine: int) -> str:
    """Return where a trap came: at an instruction of an engine, at fetch, or everywhere."""
    if trap is Trap.DEADLOCK:
        return "the engines wait for each other: " + describe_waiting(instructions, places)
    if engine == FETCH:
        return f"at fetch: {_name(instructions, places.fetched)}"
    name = ENGINES[engine]
    at = _instruction_of(instructions, engine, getattr(places, name))
    return f"in the {name} engine, at {_name(instructions, at)}"


def describe_waiting(instructions: bytes, places: Places) -> str:
    """Return at which instruction each engine stands."""
    parts = []
    for engine, name in enumerate(ENGINES):
        at = _instruction_of(instructions, engine, getattr(places, name))
        if at is not None:
            parts.append(f"{name} at {_name(instructions, at)}")
    return ", ".join(parts) or "every engine has done all of its instructions"


def _name(instructions: bytes, at: int | None) -> str:
    count = len(instructions) // INSTRUCTION_BYTES
    if at is None or at >= count:
        return f"the program's end, after {count} instructions"
    known = OPCODES.get(instructions[INSTRUCTION_BYTES * at] & 15)
    mnemonic = known[0] if known else "unknown opcode"
    data = instructions[INSTRUCTION_BYTES * at : INSTRUCTION_BYTES * (at + 1)]
    return f"instruction {at} ({mnemonic}, {data[::-1].hex()})"


def _instruction_of(instructions: bytes, engine: int, done: int) -> int | None:
    """Return the place of an engine's instruction after so many of them; None past the last."""
    for at in range(len(instructions) // INSTRUCTION_BYTES):
        known = OPCODES.get(instructions[INSTRUCTION_BYTES * at] & 15)
        if known is not None and engine in known[1]:
            if done == 0:
                return at
            done -= 1
    return None
