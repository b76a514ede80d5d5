"""Proves that a program cannot end in a deadlock, by executing it without data or time.

Engines only ever wait for a token, a slot or an instruction to be there, or for room for one; none
chooses between two things that it could wait for. Such a network does the same in every order of
events: if it reaches the end in one order, it does in all, whatever DRAM and engines take.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence

from ....errors import SnnError
from ..configuration import Configuration
from ..isa.encoding import Instruction
from ..isa.fields import TOKENS_IN, TOKENS_OUT, Engine
from ..isa.instruction_set import ALU, BINARY_CONV, FINISH, GATHER, RESPOND
from ..simulator.functional import QUEUE_DEPTH, SLOTS, TOKEN_LIMIT

Steps = Iterator[bool]
"""After each step, whether something could be done."""


class DeadlockError(SnnError):
    """A program in which engines wait for each other for ever."""


def check_progress(program: Sequence[Instruction], hardware: Configuration) -> None:
    """Raise DeadlockError where a program ends in a deadlock, or with tokens nobody took."""
    machine = _Machine(program, hardware)
    machine.run()


class _Machine:
    def __init__(self, program: Sequence[Instruction], hardware: Configuration) -> None:
        self._program, self._hardware = program, hardware
        self._queues: dict[Engine, deque[Instruction]] = {engine: deque() for engine in Engine}
        self._tokens: Counter[tuple[Engine, Engine]] = Counter()
        self._windows = self._tiles = self._running = 0
        self._fetched = False

    def run(self) -> None:
        engines = [self._fetch(), *(self._engine(engine) for engine in Engine)]
        while not self._finished():
            advanced = [next(engine) for engine in engines]
            if not any(advanced) and not self._finished():
                waiting = {
                    e.name.lower(): q[0].opcode.mnemonic for e, q in self._queues.items() if q
                }
                raise DeadlockError(f"These engines wait for each other: {waiting}")
        left = {f"{a.name} to {b.name}": n for (a, b), n in self._tokens.items() if n}
        if left or self._windows or self._tiles:
            raise DeadlockError(f"Left over at the end: tokens {left}, {self._tiles} tiles")

    def _finished(self) -> bool:
        return self._fetched and not self._running and not any(self._queues.values())

    def _fetch(self) -> Steps:
        for one in self._program:
            if one.opcode is FINISH:
                break
            queues = [self._queues[engine] for engine in one.opcode.engines]
            while any(len(queue) >= QUEUE_DEPTH for queue in queues):
                yield False
            for queue in queues:
                queue.append(one)
            yield True
        self._fetched = True
        while True:
            yield False

    def _engine(self, engine: Engine) -> Steps:
        queue = self._queues[engine]
        while True:
            while not queue:
                yield False
            one = queue[0]
            wait, post = one.masks(engine)
            taken = [(a, engine) for i, a in enumerate(TOKENS_IN[engine]) if wait >> i & 1]
            put = [(engine, b) for i, b in enumerate(TOKENS_OUT[engine]) if post >> i & 1]
            while not all(self._tokens[channel] for channel in taken):
                yield False
            queue.popleft()
            self._running += 1
            self._tokens.subtract(taken)
            yield from self._execute(one, engine)
            while any(self._tokens[channel] >= TOKEN_LIMIT for channel in put):
                yield False
            self._tokens.update(put)
            self._running -= 1
            yield True

    def _execute(self, one: Instruction, engine: Engine) -> Steps:
        if engine is Engine.RESPONSE and one.opcode in (RESPOND, BINARY_CONV):
            for _ in range(self._count_tiles(one) * one["blocks"]):
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
        for _ in range(self._count_tiles(one)):
            while self._tiles >= SLOTS:
                yield False
            for _ in range(one["blocks"]):
                while not self._windows:
                    yield False
                self._windows -= 1
                yield True
            self._tiles += 1

    def _count_tiles(self, one: Instruction) -> int:
        if one.opcode is GATHER:
            return one["tiles"]
        return -(-one["count"] // self._hardware.pixels)
