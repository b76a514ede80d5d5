"""What every simulation without a clock shares: fetch, queues, tokens, engines that take turns.

Engines advance a step at a time under the limits that the hardware has: finite queues and token
counters here, two slots of responses and of accumulators where the instructions are executed.
"""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterator, Sequence

from ..isa.encoding import Instruction
from ..isa.fields import TOKENS_IN, TOKENS_OUT, Engine
from ..isa.instruction_set import FINISH

SLOTS = 2
"""Blocks of responses, and tiles of accumulators, that may be under way: ping and pong."""

QUEUE_DEPTH = 8
"""Instructions that wait before an engine."""

TOKEN_LIMIT = 15
"""Tokens that a channel holds; an engine that would put one more waits."""

Steps = Iterator[bool]
"""An engine's work: after each step, whether it could do something."""


class Engines(ABC):
    """The engines of one program; a subclass says what executing an instruction is."""

    def __init__(self, program: Sequence[Instruction]) -> None:
        """Begin before the program's first instruction, with no token anywhere."""
        self._program = program
        self._queues: dict[Engine, deque[Instruction]] = {engine: deque() for engine in Engine}
        self._tokens: Counter[tuple[Engine, Engine]] = Counter()
        self._busy: set[Engine] = set()
        self._fetched = False
        self.fetched = 0
        """Instructions that went into queues."""
        self.done: Counter[Engine] = Counter()
        """Instructions that each engine has done."""
        self.active: Engine | None = None
        """The engine whose turn it is; None for fetch."""

    def run(self) -> None:
        """Let the engines take turns until all is done, or none can do anything."""
        processes = {None: self._fetch()} | {engine: self._engine(engine) for engine in Engine}
        while not self._finished():
            advanced = []
            for self.active, process in processes.items():
                advanced.append(next(process))
            if not any(advanced) and not self._finished():
                self._stuck({e: queue[0] for e, queue in self._queues.items() if queue})

    @abstractmethod
    def _execute(self, one: Instruction, engine: Engine) -> Steps:
        """Do an engine's part of an instruction."""

    @abstractmethod
    def _stuck(self, waiting: dict[Engine, Instruction]) -> None:
        """Raise: every engine waits for another. `waiting` are the heads of the queues."""

    @abstractmethod
    def _ended_without_finish(self) -> None:
        """Hear that all instructions were fetched and none was FINISH."""

    def _finished(self) -> bool:
        return self._fetched and not self._busy and not any(self._queues.values())

    def _fetch(self) -> Steps:
        for one in self._program:
            if one.opcode is FINISH:
                break
            queues = [self._queues[engine] for engine in one.opcode.engines]
            while any(len(queue) >= QUEUE_DEPTH for queue in queues):
                yield False
            for queue in queues:
                queue.append(one)
            self.fetched += 1
            yield True
        else:
            self._ended_without_finish()
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
            self._busy.add(engine)
            self._tokens.subtract(taken)
            yield from self._execute(one, engine)
            while any(self._tokens[channel] >= TOKEN_LIMIT for channel in put):
                yield False
            self._tokens.update(put)
            self._busy.discard(engine)
            self.done[engine] += 1
            yield True
