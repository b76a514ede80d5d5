"""How many cycles a program takes, without computing anything.

Every engine is a process that works through its instructions and says *when* each block, tile or
instruction begins and ends. What engines hand to one another (tokens, windows, responses,
accumulator banks) are queues of the cycles at which it is there: each has one writer and one
reader, so the result does not depend on the order in which the processes are advanced. The
constants are the register stages of the RTL.

Left out: stalls of the memory, and that fetch and load share the bus, LDACT and KEEP the banks.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence

from ...errors import SnnError
from .configuration import Configuration
from .dram_layout import line_bytes, plane_bytes, result_bytes, vector_bytes
from .isa.encoding import Instruction
from .isa.fields import INSTRUCTION_BYTES, TOKENS_IN, TOKENS_OUT, Engine
from .isa.instruction_set import (
    ALU,
    BINARY_CONV,
    FINISH,
    KEEP_VECTORS,
    LOAD,
    RESPOND,
    SHAPE,
    STORE_PLANES,
    Memory,
    Plane,
    Window,
)
from .simulator.spans import Span

_CHUNK = 8  # instructions that fetch reads at once, and that wait before an engine
_BURST = 16  # words of a burst
_BURSTS = 4  # read bursts under way
_PAGE = 4096  # bytes that a burst does not leave

_Process = Generator[None, None, None]
_Work = Generator[None, None, int]


def predicted_cycles(
    program: Sequence[Instruction], hardware: Configuration, latency: int = 30
) -> int:
    """Return the cycles from start to FINISH of a legal program.

    `latency` is the memory's: from a read's address to its first word, from the last word of a
    write to its answer. Raises SnnError for a program whose engines wait for each other.
    """
    return _Machine(program, hardware, max(latency, 1)).run()


def predicted_spans(
    program: Sequence[Instruction], hardware: Configuration, latency: int = 30
) -> list[Span]:
    """Return when each engine works at which instruction; else as :func:`predicted_cycles`."""
    machine = _Machine(program, hardware, max(latency, 1))
    machine.run()
    return sorted(machine.spans, key=lambda span: span.ends)


class _Machine:
    def __init__(
        self, program: Sequence[Instruction], hardware: Configuration, latency: int
    ) -> None:
        self._program, self._hardware, self._latency = program, hardware, latency
        # Of each engine: places and instructions with the cycle at which it sees them, and when
        # they left.
        self._seen: dict[Engine, deque[tuple[int, Instruction, int]]] = {e: deque() for e in Engine}
        self._left: dict[Engine, list[int]] = {engine: [] for engine in Engine}
        self._tokens: dict[tuple[Engine, Engine], deque[int]] = {
            (a, b): deque() for b in Engine for a in TOKENS_IN[b]
        }
        # When windows, responses and banks are there to be used, and to be filled again.
        self._windows, self._responses, self._banks = deque[int](), deque[int](), deque[int]()
        self._free_windows = deque([0, 0])
        self._free_responses = deque([0, 0])
        self._free_banks = deque([0, 0])
        self._shape: Instruction | None = None
        self._answered = 0  # when memory has answered every write
        self._end = 0
        self._fetched = False
        self._moved = False
        self.spans: list[Span] = []

    def run(self) -> int:
        processes = [self._fetch(), *(self._engine(engine) for engine in Engine)]
        while not self._fetched or any(self._seen.values()):
            self._moved = False
            for process in processes:
                next(process)
            if not self._moved:
                raise SnnError("The program's engines wait for each other")
        return max(self._end, self._answered) + 1

    # ------------------------------------------------------------ fetch and order

    def _fetch(self) -> _Process:
        words = INSTRUCTION_BYTES // self._hardware.bus_bytes
        pushed = dict.fromkeys(Engine, 0)
        taken, asked = 0, 1
        for number, one in enumerate(self._program):
            if number % _CHUNK == 0:
                asked = taken + 1
            arrived = asked + 1 + self._latency + (number % _CHUNK + 1) * words
            taken = max(taken + 1, arrived)
            for engine in one.opcode.engines:
                place = pushed[engine] - _CHUNK
                while place >= len(self._left[engine]):
                    yield
                if place >= 0:
                    taken = max(taken, self._left[engine][place] + 1)
            self._moved = True
            if one.opcode is FINISH:
                self._finish(taken + 1)
                break
            for engine in one.opcode.engines:
                self._seen[engine].append((number, one, taken + 1))
                pushed[engine] += 1
        self._fetched = True
        while True:
            yield

    def _engine(self, engine: Engine) -> _Process:
        queue, left = self._seen[engine], -1
        while True:
            while not queue:
                yield
            place, one, begins = queue[0]
            wait, post = one.masks(engine)
            begins = max(begins, left + 1)
            for bit, other in enumerate(TOKENS_IN[engine]):
                if wait >> bit & 1:
                    token = self._tokens[other, engine]
                    while not token:
                        yield
                    begins = max(begins, token.popleft())
            self._moved = True
            left = yield from self._work(one, engine, begins, bool(post))
            self._moved = True
            queue.popleft()
            self._left[engine].append(left)
            self.spans.append(Span(place, engine, begins, left))
            self._finish(left + 1)
            for bit, other in enumerate(TOKENS_OUT[engine]):
                if post >> bit & 1:
                    self._tokens[engine, other].append(left + 1)

    def _finish(self, cycle: int) -> None:
        self._end = max(self._end, cycle)

    def _work(self, one: Instruction, engine: Engine, begins: int, owes: bool) -> _Work:
        """Do an instruction that begins in a cycle; return the one in which it leaves."""
        if one.opcode is SHAPE:
            self._shape = one
            return begins + 1
        if one.opcode is RESPOND:
            return (yield from self._respond(one, begins))
        if engine is Engine.GATHER:
            return (yield from self._gather(one, begins))
        if one.opcode is BINARY_CONV:
            return (yield from self._show(one, begins))
        if one.opcode is ALU:
            return (yield from self._epilogue(one, begins))
        if engine is Engine.LOAD:
            return self._load(one, begins)
        return self._store(one, begins, owes)

    # ------------------------------------------------------------ load and store

    def _load(self, one: Instruction, begins: int) -> int:
        hardware, bus = self._hardware, self._hardware.bus_bytes
        if one.opcode is LOAD:
            memory = Memory(one["memory"])
            planes = one["planes"] if memory is Memory.INDEX else 1
            unit = (
                plane_bytes(hardware)
                if memory is Memory.INDEX
                else line_bytes(memory, hardware, planes)
            )
            units, blocks, stride = one["count"] * planes, 1, 0
        else:
            unit, units = vector_bytes(hardware), one["rows"] * one["width"]
            blocks, stride = one["blocks"], one["stride"] * bus
        words = -(-units * unit // bus)
        pace = max(1, bus // unit)  # cycles that a word's units take
        asked, ended = begins, deque([0] * _BURSTS, _BURSTS)
        for block in range(blocks):
            address = one["address"] + block * stride
            asked += 1
            left, left_units = words, units
            while left:
                burst = min(_BURST, left, (_PAGE - address % _PAGE) // bus)
                asked = max(asked + 1, ended[0] + 1)
                first = max(asked + self._latency, ended[-1] + 1)
                ended.append(
                    first + min(burst * pace, left_units) - 1 if pace > 1 else first + burst - 1
                )
                address += burst * bus
                left -= burst
                left_units -= burst * pace
        return ended[-1] + 1

    def _store(self, one: Instruction, begins: int, owes: bool) -> int:
        hardware, bus = self._hardware, self._hardware.bus_bytes
        if one.opcode is KEEP_VECTORS:
            left = begins + 2 + one["count"] * one["blocks"]
            return max(left, self._answered) if owes else left
        unit = (
            result_bytes(Plane(one["plane"]), hardware)
            if one.opcode is STORE_PLANES
            else vector_bytes(hardware)
        )
        last = begins + 3 + one["count"] * max(1, unit // bus)
        self._answered = last + 2 + self._latency
        return self._answered if owes else last + 1

    # ------------------------------------------------------------ responses and gather

    def _tiles(self, one: Instruction) -> Iterator[list[int]]:
        """Give for each tile the cycles that the window loader takes for each row of it."""
        shape, pixels = self._shape, self._hardware.pixels
        if shape is None:
            raise SnnError(f"{one.opcode.mnemonic} before any SHAPE")
        x, left = one["x"], one["count"]
        while left:
            segments, lanes = [], 0
            live = min(left, pixels)
            while lanes < live:
                length = min(live - lanes, shape["out_width"] - x)
                segments.append(length)
                lanes += length
                x = (x + length) % shape["out_width"]
            if live < pixels:
                segments.append(pixels - live)
            left -= live
            if shape["window"] == Window.COLUMN:
                yield [8 * length for length in segments]
            else:
                stride = shape["stride"]
                yield [stride * (length - 1) + 3 for length in segments]

    def _fill(
        self, taken: int, segments: list[int], parts: int
    ) -> Generator[None, None, tuple[int, int]]:
        """Fill a block's windows; `taken` is the first cycle in which it may be begun.

        Returns when they are filled, and when the next block may be begun.
        """
        filled = taken
        while not self._free_windows:
            yield
        taken = max(taken, self._free_windows.popleft())
        for columns in segments * parts:
            filled = taken + columns
            taken = max(taken + 3, filled)
        self._moved = True
        return filled, taken

    def _respond(self, one: Instruction, begins: int) -> _Work:
        shape = self._shape
        parts = shape["parts"] + 1 if shape is not None else 1
        length = one["kernels"] * self._hardware.tree_sharing * parts
        taken, last = begins + 3, begins
        for segments in self._tiles(one):
            for _ in range(one["blocks"]):
                filled, taken = yield from self._fill(taken, segments, parts)
                while not self._free_responses:
                    yield
                first = max(last + 1, filled + 1, self._free_responses.popleft())
                last = first + length - 1
                self._free_windows.append(last)
                self._responses.append(last + 2)
        return last + 5

    def _show(self, one: Instruction, begins: int) -> _Work:
        taken = begins + 3
        for segments in self._tiles(one):
            for _ in range(one["blocks"]):
                filled, taken = yield from self._fill(taken, segments, 1)
                self._windows.append(filled + 1)
        while self._windows:
            yield
        while len(self._free_windows) < 2:
            yield
        return self._free_windows[-1] + 1

    def _gather(self, one: Instruction, begins: int) -> _Work:
        hardware = self._hardware
        binary = one.opcode is BINARY_CONV
        source = self._windows if binary else self._responses
        freed = self._free_windows if binary else self._free_responses
        turns = hardware.adders * hardware.tree_sharing if binary else 1
        tiles = -(-one["count"] // hardware.pixels) if binary else one["tiles"]
        length, pause = one["groups"] * turns, int(one["groups"] == 1)
        free = begins + 1  # the first cycle in which the next block may begin
        last = begins
        for _ in range(tiles):
            while not self._free_banks:
                yield
            free = max(free, self._free_banks.popleft())
            for _ in range(one["blocks"]):
                while not source:
                    yield
                last = max(free, source.popleft()) + length - 1
                free = last + 1 + pause
                freed.append(last)
                self._moved = True
            self._banks.append(last + 7)
        return last + 7

    # ------------------------------------------------------------ ALU

    def _epilogue(self, one: Instruction, begins: int) -> _Work:
        hardware = self._hardware
        length = one["groups"] * hardware.adders * hardware.alu_turns
        last = begins
        for _ in range(one["tiles"]):
            while not self._banks:
                yield
            last = max(last, self._banks.popleft() - 1) + length
            self._free_banks.append(last + 1)
            self._moved = True
        return last + 12
