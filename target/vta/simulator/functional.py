"""The functional simulator: executes programs with every engine, queue and token, but no clock.

Engines advance in turns, a tile at a time, under the same limits that the hardware has (two
response slots, two accumulator banks, finite queues and token counters): a program that would
stop the hardware in a deadlock does so here.
"""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from ..configuration import Configuration
from ..isa.encoding import Instruction
from ..isa.fields import Engine
from ..isa.instruction_set import (
    ALU,
    BINARY_CONV,
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
from .engines import SLOTS, Engines, Steps
from .epilogue import Parameters, activations, finish, saturate
from .lanes import convolved, gathered, responses
from .loading import load, load_activations
from .memories import Memories, lines_of
from .storing import keep_vectors, store_planes, store_vectors
from .trap import Trap, TrapError
from .windows import Geometry, Tiles


def simulate(program: Sequence[Instruction], dram: np.ndarray, hardware: Configuration) -> None:
    """Run a program to its FINISH. `dram` (uint8) is read and written in place.

    Raises TrapError where the hardware would stop: an address past a memory's end, a deadlock.
    """
    Machine(program, dram, hardware).run()


class Machine(Engines):
    """An accelerator that executes one program."""

    def __init__(
        self, program: Sequence[Instruction], dram: np.ndarray, hardware: Configuration
    ) -> None:
        """Begin before the program's first instruction; `dram` is read and written in place."""
        super().__init__(program)
        self._hardware = hardware
        self._memories = Memories(hardware, dram)
        self._geometry: Geometry | None = None
        self._windows: deque[np.ndarray] = deque()
        self._tiles: deque[np.ndarray] = deque()

    def _stuck(self, waiting: dict[Engine, Instruction]) -> None:
        names = ", ".join(engine.name.lower() for engine in waiting)
        raise TrapError(Trap.DEADLOCK, f"these engines wait for each other: {names}")

    def _ended_without_finish(self) -> None:
        raise TrapError(Trap.OPCODE, "the program ends without FINISH")

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
        if outputs > hardware.outputs:
            raise TrapError(Trap.FIELD, f"{outputs} outputs of {hardware.outputs}")
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
