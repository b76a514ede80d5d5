"""Programs as text, for people."""

from collections.abc import Iterable

from .encoding import Instruction
from .fields import TOKENS_IN, TOKENS_OUT, Engine


def disassemble(program: Iterable[Instruction]) -> str:
    """Return one line an instruction: its number, mnemonic, fields that are not 0, and tokens."""
    return "\n".join(f"{place:5}  {_line(one)}" for place, one in enumerate(program))


def _line(one: Instruction) -> str:
    own = {field.name for field in one.opcode.fields}
    values = [f"{name}={value}" for name, value in one.values.items() if value and name in own]
    tokens = [text for engine in one.opcode.engines for text in _tokens(one, engine)]
    return " ".join([f"{one.opcode.mnemonic:6}", *values, *tokens])


def _tokens(one: Instruction, engine: Engine) -> list[str]:
    wait, post = one.masks(engine)
    taken = [other.name.lower() for i, other in enumerate(TOKENS_IN[engine]) if wait >> i & 1]
    put = [other.name.lower() for i, other in enumerate(TOKENS_OUT[engine]) if post >> i & 1]
    return [f"<-{name}" for name in taken] + [f"->{name}" for name in put]
