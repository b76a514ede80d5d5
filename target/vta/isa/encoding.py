"""Instructions as Python values, as 128-bit words, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ....errors import SnnError
from .fields import INSTRUCTION_BYTES, Engine, Opcode
from .instruction_set import INSTRUCTIONS

_BY_NUMBER = {opcode.number: opcode for opcode in INSTRUCTIONS}


class InstructionError(SnnError):
    """An instruction that the accelerator does not have, or a field out of its range."""


@dataclass(frozen=True)
class Instruction:
    """An opcode and the values of its fields; a field that is not given is 0."""

    opcode: Opcode
    values: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        """Return the value of a field."""
        return self.values[name]

    def masks(self, engine: Engine) -> tuple[int, int]:
        """Return the `wait` and `post` masks that one of the opcode's engines obeys."""
        if engine is self.opcode.engines[0]:
            return self["wait"], self["post"]
        return self["second_wait"], self["second_post"]


def instruction(opcode: Opcode, **values: int) -> Instruction:
    """Return an instruction with some of its fields set.

    Raises InstructionError for a field that the opcode does not have and for a value that does not
    fit it.
    """
    positions = opcode.positions()
    for name in values:
        if name not in positions:
            raise InstructionError(f"{opcode.mnemonic} has no field {name!r}: {list(positions)}")
    complete = {"opcode": opcode.number} | dict.fromkeys(list(positions)[1:], 0) | values
    for name, (field, _) in positions.items():
        value = complete[name]
        if not field.least <= value <= field.largest:
            raise InstructionError(
                f"{opcode.mnemonic}: {name} is {value}, expected {field.least} to {field.largest}"
            )
    return Instruction(opcode, complete)


def encode(instructions: Iterable[Instruction]) -> bytes:
    """Return the instructions as memory holds them: 16 bytes each, lowest bits first."""
    words = []
    for one in instructions:
        word = 0
        for name, (_, position) in one.opcode.positions().items():
            word |= one[name] << position
        words.append(word.to_bytes(INSTRUCTION_BYTES, "little"))
    return b"".join(words)


def decode(program: bytes | np.ndarray) -> list[Instruction]:
    """Return the instructions of a program. Raises InstructionError for one that is illegal."""
    data = bytes(program)
    if len(data) % INSTRUCTION_BYTES:
        raise InstructionError(
            f"A program has 16 bytes an instruction, this one {len(data)} bytes altogether"
        )
    starts = range(0, len(data), INSTRUCTION_BYTES)
    return [_decode(data[start : start + INSTRUCTION_BYTES], start // 16) for start in starts]


def _decode(data: bytes, place: int) -> Instruction:
    word = int.from_bytes(data, "little")
    opcode = _BY_NUMBER.get(word & 15)
    if opcode is None:
        raise InstructionError(f"Instruction {place}: there is no opcode {word & 15}")
    values = {
        name: (word >> position) & field.mask
        for name, (field, position) in opcode.positions().items()
        if name != "opcode"
    }
    try:
        decoded = instruction(opcode, **values)
    except InstructionError as error:
        raise InstructionError(f"Instruction {place}: {error}") from None
    if encode([decoded]) != data:
        raise InstructionError(f"Instruction {place}: {opcode.mnemonic} has bits set past its end")
    return decoded
