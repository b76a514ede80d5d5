"""The functional simulator: executes programs with every engine, queue and token, but no clock.

Engines advance in turns, a tile at a time, under the same limits that the hardware has (two
response slots, two accumulator banks, finite queues and token counters): a program that would
stop the hardware in a deadlock does so here.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..configuration import Configuration
from ..isa.encoding import Instruction
from ..isa.fields import TOKENS_IN, TOKENS_OUT, Engine
from ..isa.instruction_set import (
    ALU,
    BINARY_CONV,
    FINISH,
    GATHER,
    KEEP_VECTORS,
    LOAD,
    LOAD_ACTIVATIONS,
    RESPOND,
    SHAPE,
    STORE_PLANES,
    STORE_VECTORS,
    Plane,
    Vector,
)
from .epilogue import Parameters, activations, finish, saturate
from .lanes import convolved, gathered, responses
from .loading import load, load_activations
from .memories import Memories, lines_of
from .storing import keep_vectors, store_planes, store_vectors
from .trap import Trap, TrapError
from .windows import Geometry, Tiles

SLOTS = 2
"""Blocks of responses, and tiles of accumulators, that may be under way: ping and pong."""

QUEUE_DEPTH = 8
"""Instructions that wait before an engine."""

TOKEN_LIMIT = 15
"""Tokens that a channel holds; an engine that would put one more waits."""

Steps = Iterator[bool]
"""An engine's work: after each step, whether it could do something."""


def simulate(program: Sequence[Instruction], dram: np.ndarray, hardware: Configuration) -> None:
    """Run a program to its FINISH. `dram` (uint8) is read and written in place.

    Raises TrapError where the hardware would stop: an address past a memory's end, a deadlock.
    """
    _Machine(program, dram, hardware).run()


class _Machine:
    def __init__(
        self, program: Sequence[Instruction], dram: np.ndarray, hardware: Configuration
    ) -> None:
        self._hardware = hardware
        self._memories = Memories(hardware, dram)
        self._program = program
        self._queues: dict[Engine, deque[Instruction]] = {engine: deque() for engine in Engine}
        self._tokens = {(a, b): 0 for b in Engine for a in TOKENS_IN[b]}
        self._geometry: Geometry | None = None
        self._windows: deque[np.ndarray] = deque()
        self._tiles: deque[np.ndarray] = deque()
        self._busy: set[Engine] = set()
        self._fetched = False

    def run(self) -> None:
        processes = [self._fetch(), *(self._engine(engine) for engine in Engine)]
        while not self._finished():
            advanced = [next(process) for process in processes]
            if not any(advanced) and not self._finished():
                waiting = ", ".join(e.name.lower() for e in Engine if self._queues[e])
                raise TrapError(Trap.DEADLOCK, f"these engines wait for each other: {waiting}")

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
            yield True
        else:
            raise TrapError(Trap.OPCODE, "the program ends without FINISH")
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
            for channel in taken:
                self._tokens[channel] -= 1
            yield from self._execute(one, engine)
            while any(self._tokens[channel] >= TOKEN_LIMIT for channel in put):
                yield False
            for channel in put:
                self._tokens[channel] += 1
            self._busy.discard(engine)
            yield True

    def _execute(self, one: Instruction, engine: Engine) -> Steps:
        if one.opcode is SHAPE:
            self._geometry = Geometry.of(one)
        elif one.opcode is RESPOND:
            yield from self._respond(one)
        elif one.opcode is GATHER:
            yield from self._gather(one, one["tiles"])
        elif one.opcode is BINARY_CONV and self._hardware.index_bits < 9:
            raise TrapError(Trap.FIELD, "BCONV takes index lines of 9 bit planes")
        elif one.opcode is BINARY_CONV and engine is Engine.RESPONSE:
            yield from self._show_windows(one)
        elif one.opcode is BINARY_CONV:
            yield from self._gather(one, -(-one["count"] // self._hardware.pixels))
        elif one.opcode is ALU:
            yield from self._finish_tiles(one)
        else:
            _AT_ONCE[one.opcode.mnemonic](one, self._memories, self._hardware)

    def _tiles_of(self, one: Instruction) -> tuple[Tiles, Geometry]:
        if self._geometry is None:
            raise TrapError(Trap.FIELD, f"{one.opcode.mnemonic} before any SHAPE")
        banks = self._memories.activations
        return Tiles(one, self._geometry, self._hardware, banks), self._geometry

    def _respond(self, one: Instruction) -> Steps:
        tiles, shape = self._tiles_of(one)
        kernels = one["kernels"]
        if kernels > self._hardware.responses:
            raise TrapError(Trap.FIELD, f"{kernels} kernels of {self._hardware.responses}")
        lines = lines_of(self._memories.subset, one["subset"], kernels * shape.parts, "subset")
        subset = self._memories.subset[lines].reshape(shape.parts, kernels)
        for tile in range(tiles.count):
            for block in range(one["blocks"]):
                windows = [tiles.window(tile, block, part) for part in range(shape.parts)]
                yield from _until(lambda: len(self._windows) < SLOTS)
                self._windows.append(responses(np.stack(windows), subset))
                yield True

    def _show_windows(self, one: Instruction) -> Steps:
        tiles, _ = self._tiles_of(one)
        for tile in range(tiles.count):
            for block in range(one["blocks"]):
                yield from _until(lambda: len(self._windows) < SLOTS)
                self._windows.append(tiles.window(tile, block, 0).astype(np.int32))
                yield True

    def _gather(self, one: Instruction, tiles: int) -> Steps:
        binary = one.opcode is BINARY_CONV
        groups, adders = one["groups"], self._hardware.adders
        if groups * adders > self._hardware.outputs:
            raise TrapError(Trap.FIELD, f"{groups * adders} outputs of {self._hardware.outputs}")
        first = one["kernel_line"] if binary else one["line"]
        for _ in range(tiles):
            yield from _until(lambda: len(self._tiles) < SLOTS)
            sums = np.zeros((groups * adders, self._hardware.pixels), np.int32)
            for block in range(one["blocks"]):
                lines = lines_of(self._memories.indices, first + block * groups, groups, "index")
                indices = self._memories.indices[lines].reshape(groups * adders, -1)
                yield from _until(lambda: bool(self._windows))
                source = self._windows.popleft()
                sums += (
                    convolved(source, indices) if binary else gathered(source, indices, one["sign"])
                )
                yield True
            self._tiles.append(sums)

    def _finish_tiles(self, one: Instruction) -> Steps:
        memories, hardware = self._memories, self._hardware
        outputs = one["groups"] * hardware.adders
        lines = lines_of(memories.parameters, one["parameter"], outputs, "parameter")
        for tile in range(one["tiles"]):
            yield from _until(lambda: bool(self._tiles))
            given = Parameters.of(memories.parameters[lines])
            values = finish(
                self._tiles.popleft()[:outputs], self._residual(one, tile, outputs), given, one
            )
            if one["plane"]:
                place = lines_of(
                    memories.planes, one["plane_line"] + tile * outputs, outputs, "plane"
                )
                bits = 16 if one["plane"] == Plane.TRUNK else 32
                memories.planes[place] = saturate(values, bits)
            if one["vector"] != Vector.NONE:
                self._write_vectors(
                    one, tile, activations(values, given, one, hardware.activation_bits)
                )
            yield True

    def _residual(self, one: Instruction, tile: int, outputs: int) -> np.ndarray:
        if not one["residual"]:
            return np.zeros((), np.int64)
        memory = self._memories.residual
        lines = lines_of(memory, one["residual_line"] + tile * outputs, outputs, "residual")
        return memory[lines].astype(np.int64)

    def _write_vectors(self, one: Instruction, tile: int, made: np.ndarray) -> None:
        pixels, channels = self._hardware.pixels, self._hardware.channels
        block_lines = one["tiles"] * pixels
        for block in range(-(-len(made) // channels)):
            first = one["vector_line"] + block * block_lines + tile * pixels
            lines = lines_of(self._memories.vectors, first, pixels, "vector")
            part = made[block * channels : (block + 1) * channels]
            self._memories.vectors[lines, : len(part)] = part.T
            self._memories.vectors[lines, len(part) :] = 0


def _until(condition: Callable[[], bool]) -> Steps:
    while not condition():
        yield False


_AT_ONCE: dict[str, Callable[[Instruction, Memories, Configuration], None]] = {
    LOAD.mnemonic: load,
    LOAD_ACTIVATIONS.mnemonic: load_activations,
    STORE_PLANES.mnemonic: store_planes,
    STORE_VECTORS.mnemonic: store_vectors,
    KEEP_VECTORS.mnemonic: keep_vectors,
}
"""Instructions that the functional simulator executes in one step."""
