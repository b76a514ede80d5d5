"""The LOAD engine: from DRAM's bytes to the lines of a memory."""

import numpy as np

from ..configuration import Configuration
from ..dram_layout import line_bytes, plane_bytes, vector_bytes
from ..isa.encoding import Instruction
from ..isa.instruction_set import Memory
from .memories import Memories, lines_of
from .trap import Trap, TrapError

LINE_MASK = (1 << 14) - 1
"""Lines of the activation banks are numbers of 14 bits."""


def load(given: Instruction, memories: Memories, hardware: Configuration) -> None:
    """Execute LOAD."""
    memory, count = Memory(given["memory"]), given["count"]
    if memory is Memory.INDEX and not 1 <= given["planes"] <= hardware.index_bits:
        raise TrapError(Trap.FIELD, f"{given['planes']} index planes of {hardware.index_bits}")
    memory_of: dict[Memory, np.ndarray] = {
        Memory.SUBSET: memories.subset,
        Memory.INDEX: memories.indices,
        Memory.PARAMETER: memories.parameters,
        Memory.RESIDUAL: memories.residual,
    }
    target = memory_of[memory]
    lines = lines_of(target, given["line"], count, memory.name.lower())
    check_alignment(given["address"], hardware)
    size = line_bytes(memory, hardware, given["planes"])
    data = memories.dram_slice(given["address"], count * size).reshape(count, size)
    if memory is Memory.SUBSET:
        target[lines] = data.reshape(-1).view("<u2") & 0x1FF
    elif memory is Memory.INDEX:
        target[lines] = _indices(data, hardware, given["planes"])
    elif memory is Memory.PARAMETER:
        target[lines] = data
    else:
        target[lines] = data.reshape(-1).view("<i2").reshape(count, -1)[:, : hardware.pixels]


def _indices(data: np.ndarray, hardware: Configuration, planes: int) -> np.ndarray:
    bits = np.unpackbits(
        data.reshape(len(data), planes, plane_bytes(hardware)), axis=-1, bitorder="little"
    )
    weights = (1 << np.arange(planes, dtype=np.uint16)).astype(np.uint16)
    values = np.einsum("lpi,p->li", bits.astype(np.uint16), weights)
    return values.reshape(len(data), hardware.adders, hardware.channels)


def load_activations(given: Instruction, memories: Memories, hardware: Configuration) -> None:
    """Execute LDACT."""
    check_alignment(given["address"], hardware)
    rows, width, size = given["rows"], given["width"], vector_bytes(hardware)
    row = given["row"] + np.arange(rows)
    for block in range(given["blocks"]):
        address = given["address"] + block * given["stride"] * hardware.bus_bytes
        data = memories.dram_slice(address, rows * width * size)
        vectors = unpack_vectors(data.reshape(-1, size), hardware).reshape(rows, width, -1)
        first = given["line"] + block * given["pitch"] + (row >> 2) * width
        line = (first[:, None] + np.arange(width)) & LINE_MASK
        if line.max() >= hardware.activation_lines:
            raise TrapError(
                Trap.ADDRESS, f"activation line {line.max()} of {hardware.activation_lines}"
            )
        memories.activations[(row & 3)[:, None], line] = vectors


def unpack_vectors(data: np.ndarray, hardware: Configuration) -> np.ndarray:
    """Return the activations of vectors in DRAM: int8 of shape (n, channels)."""
    if hardware.activation_bits == 8:
        return data.view(np.int8)
    pairs = np.stack([(data >> shift) & 3 for shift in (0, 2, 4, 6)], axis=-1)
    return (pairs.reshape(len(data), -1) ^ 2).astype(np.int8) - 2


def pack_vectors(vectors: np.ndarray, hardware: Configuration) -> np.ndarray:
    """Return vectors, int8 of shape (n, channels), as bytes for DRAM: (n, vector_bytes)."""
    if hardware.activation_bits == 8:
        return vectors.view(np.uint8)
    pairs = (vectors.view(np.uint8) & 3).reshape(len(vectors), -1, 4)
    return np.bitwise_or.reduce(pairs << np.array([0, 2, 4, 6], np.uint8), axis=-1)


def check_alignment(address: int, hardware: Configuration) -> None:
    """Raise TrapError for an address that is no multiple of the bus width."""
    if address % hardware.bus_bytes:
        raise TrapError(Trap.BUS, f"address {address}, expected a multiple of {hardware.bus_bytes}")
