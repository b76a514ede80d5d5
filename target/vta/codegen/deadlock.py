"""Proves that a program cannot end in a deadlock, by executing it without data or time.

Engines only ever wait for a token, a slot or an instruction to be there, or for room for one; none
chooses between two things that it could wait for. Such a network does the same in every order of
events: if it reaches the end in one order, it does in all, whatever DRAM and engines take.
"""

from collections.abc import Sequence

from ....errors import SnnError
from ..configuration import Configuration
from ..isa.encoding import Instruction
from ..isa.fields import Engine
from ..isa.instruction_set import ALU, BINARY_CONV, GATHER, RESPOND
from ..simulator.engines import SLOTS, Engines, Steps
from .endings import tiles_of


class DeadlockError(SnnError):
    """A program in which engines wait for each other for ever."""


def check_progress(program: Sequence[Instruction], hardware: Configuration) -> None:
    """Raise DeadlockError where a program ends in a deadlock, or with tokens nobody took."""
    machine = _Machine(program, hardware)
    machine.run()


class _Machine(Engines):
    def __init__(self, program: Sequence[Instruction], hardware: Configuration) -> None:
        super().__init__(program)
        self._hardware = hardware
        self._windows = self._tiles = 0

    def run(self) -> None:
        super().run()
        left = {f"{a.name} to {b.name}": n for (a, b), n in self._tokens.items() if n}
        if left or self._windows or self._tiles:
            raise DeadlockError(f"Left over at the end: tokens {left}, {self._tiles} tiles")

    def _stuck(self, waiting: dict[Engine, Instruction]) -> None:
        heads = {engine.name.lower(): one.opcode.mnemonic for engine, one in waiting.items()}
        raise DeadlockError(f"These engines wait for each other: {heads}")

    def _ended_without_finish(self) -> None:
        """Part of a program may be checked, too."""

    def _execute(self, one: Instruction, engine: Engine) -> Steps:
        if engine is Engine.RESPONSE and one.opcode in (RESPOND, BINARY_CONV):
            for _ in range(tiles_of(one, self._hardware) * one["blocks"]):
                while self._windows >= SLOTS:
                    yield False
                self._windows += 1
                yield True
        elif one.opcode in (GATHER, BINARY_CONV):
            yield from self._gather(one)
        elif one.opcode is ALU:
            for _ in range(one["tiles"]):
                while not self._tiles:
                    yield False
                self._tiles -= 1
                yield True

    def _gather(self, one: Instruction) -> Steps:
        for _ in range(tiles_of(one, self._hardware)):
            while self._tiles >= SLOTS:
                yield False
            for _ in range(one["blocks"]):
                while not self._windows:
                    yield False
                self._windows -= 1
                yield True
            self._tiles += 1
