"""The STORE engine: results to DRAM, or back into the activation banks."""

import numpy as np

from ..configuration import Configuration
from ..dram_layout import result_bytes, vector_bytes
from ..isa.encoding import Instruction
from ..isa.instruction_set import Plane
from .loading import check_alignment, pack_vectors
from .memories import Memories, lines_of
from .trap import Trap, TrapError


def store_planes(given: Instruction, memories: Memories, hardware: Configuration) -> None:
    """Execute STPLN."""
    kind, count = Plane(given["plane"]), given["count"]
    lines = memories.planes[lines_of(memories.planes, given["line"], count, "plane")]
    check_alignment(given["address"], hardware)
    numbers = lines.astype("<i4" if kind is Plane.ACCUMULATOR else "<i2")
    size = result_bytes(kind, hardware)
    padded = np.zeros((count, size // numbers.itemsize), numbers.dtype)
    padded[:, : hardware.pixels] = numbers
    memories.dram_slice(given["address"], count * size)[:] = padded.view(np.uint8).reshape(-1)


def store_vectors(given: Instruction, memories: Memories, hardware: Configuration) -> None:
    """Execute STVEC."""
    lines = memories.vectors[lines_of(memories.vectors, given["line"], given["count"], "vector")]
    check_alignment(given["address"], hardware)
    size = given["count"] * vector_bytes(hardware)
    memories.dram_slice(given["address"], size)[:] = pack_vectors(lines, hardware).reshape(-1)


def keep_vectors(given: Instruction, memories: Memories, hardware: Configuration) -> None:
    """Execute KEEP."""
    number = np.arange(given["count"])
    row, column = given["y"] + number // given["width"], number % given["width"]
    for block in range(given["blocks"]):
        first = given["line"] + block * given["block_lines"]
        source = lines_of(memories.vectors, first, given["count"], "vector")
        start = given["destination"] + block * given["pitch"]
        line = (start + (row >> 2) * given["width"] + column) & ((1 << 14) - 1)
        if line.max() >= hardware.activation_lines:
            raise TrapError(
                Trap.ADDRESS, f"activation line {line.max()} of {hardware.activation_lines}"
            )
        memories.activations[row & 3, line] = memories.vectors[source]
