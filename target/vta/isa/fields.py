"""What an instruction is made of: fields, and the engine that executes it."""

from dataclasses import dataclass
from enum import IntEnum

INSTRUCTION_BITS = 128
INSTRUCTION_BYTES = INSTRUCTION_BITS // 8


class Engine(IntEnum):
    """The engines that execute instructions, each from a queue of its own."""

    LOAD = 0
    RESPONSE = 1
    GATHER = 2
    ALU = 3
    STORE = 4


@dataclass(frozen=True)
class Field:
    """A run of bits of an instruction."""

    name: str
    bits: int
    meaning: str
    least: int = 0
    """The smallest legal value."""
    most: int | None = None
    """The largest legal value, where it is not all ones."""

    @property
    def mask(self) -> int:
        """As many ones as the field has bits."""
        return (1 << self.bits) - 1

    @property
    def largest(self) -> int:
        """The largest legal value."""
        return self.mask if self.most is None else self.most


@dataclass(frozen=True)
class Opcode:
    """An instruction: its number, the engines that execute it, and its fields after the header."""

    mnemonic: str
    number: int
    engines: tuple[Engine, ...]
    meaning: str
    fields: tuple[Field, ...]

    def positions(self) -> dict[str, tuple[Field, int]]:
        """Return every field, header included, with the position of its lowest bit."""
        header = HEADER + (SECOND_HEADER if len(self.engines) == 2 else ())
        places, position = {}, 0
        for field in header + self.fields:
            places[field.name] = (field, position)
            position += field.bits
        assert position <= INSTRUCTION_BITS, f"{self.mnemonic} takes {position} bits"
        return places


HEADER = (
    Field("opcode", 4, "which instruction it is"),
    Field("wait", 4, "channels from which the engine takes a token before it begins"),
    Field("post", 4, "channels into which it puts a token when it is done"),
)
"""What every instruction begins with."""

SECOND_HEADER = (
    Field("second_wait", 4, "as `wait`, for the second engine"),
    Field("second_post", 4, "as `post`, for the second engine"),
)
"""What follows where two engines execute an instruction together."""

TOKENS_IN: dict[Engine, tuple[Engine, ...]] = {
    Engine.LOAD: (Engine.RESPONSE, Engine.GATHER, Engine.ALU, Engine.STORE),
    Engine.RESPONSE: (Engine.LOAD, Engine.STORE),
    Engine.GATHER: (Engine.LOAD,),
    Engine.ALU: (Engine.LOAD, Engine.STORE),
    Engine.STORE: (Engine.ALU, Engine.RESPONSE),
}
"""Bit i of an engine's `wait` mask is the channel from the i-th engine of its list."""

TOKENS_OUT: dict[Engine, tuple[Engine, ...]] = {
    Engine.LOAD: (Engine.RESPONSE, Engine.GATHER, Engine.ALU),
    Engine.RESPONSE: (Engine.LOAD, Engine.STORE),
    Engine.GATHER: (Engine.LOAD,),
    Engine.ALU: (Engine.LOAD, Engine.STORE),
    Engine.STORE: (Engine.ALU, Engine.RESPONSE, Engine.LOAD),
}
"""Bit i of an engine's `post` mask is the channel to the i-th engine of its list."""
