"""What each instruction reads and writes: the ground on which tokens are placed.

Lines of on-chip memories are sets of bits, one bit a line; DRAM is ranges of bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ..configuration import Configuration
from ..dram_layout import line_bytes, result_bytes, vector_bytes
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
    Memory,
    Plane,
    Window,
)

_LINE_MASK = (1 << 14) - 1

Ranges = tuple[tuple[int, int], ...]


class Place(Enum):
    """Memories on chip."""

    ACTIVATIONS = 0
    SUBSET = 1
    INDEX = 2
    PARAMETER = 3
    RESIDUAL = 4
    PLANE = 5
    VECTOR = 6


_PLACE_OF = {
    Memory.SUBSET: Place.SUBSET,
    Memory.INDEX: Place.INDEX,
    Memory.PARAMETER: Place.PARAMETER,
    Memory.RESIDUAL: Place.RESIDUAL,
}


@dataclass(frozen=True)
class Access:
    """Lines of one memory that an engine touches while it executes an instruction."""

    engine: Engine
    writes: bool
    place: Place | None
    """None for DRAM."""
    lines: int = 0
    """On chip: bit i for line i. Bank b of the activations begins at bit b * activation_lines."""
    ranges: Ranges = ()
    """DRAM: first byte and the one past the last."""


def accesses(
    one: Instruction, shape: Instruction | None, hardware: Configuration
) -> Sequence[Access]:
    """Return what an instruction touches; `shape` is the SHAPE that is in force."""
    code = one.opcode
    if code is LOAD:
        return _load(one, hardware)
    if code is LOAD_ACTIVATIONS:
        return _load_activations(one, hardware)
    if code is RESPOND:
        assert shape is not None
        last = one["subset"] + one["kernels"] * (shape["parts"] + 1)
        subset = _lines(one["subset"], last - one["subset"])
        return (
            _on_chip(Engine.RESPONSE, False, Place.ACTIVATIONS, _image(one, shape, hardware)),
            _on_chip(Engine.RESPONSE, False, Place.SUBSET, subset),
        )
    if code is GATHER:
        return (_indices(one, one["line"]),)
    if code is BINARY_CONV:
        assert shape is not None
        return (
            _on_chip(Engine.RESPONSE, False, Place.ACTIVATIONS, _image(one, shape, hardware)),
            _indices(one, one["kernel_line"]),
        )
    if code is ALU:
        return _alu(one, hardware)
    if code is STORE_PLANES:
        size = one["count"] * result_bytes(Plane(one["plane"]), hardware)
        return _store(one, Place.PLANE, size)
    if code is STORE_VECTORS:
        return _store(one, Place.VECTOR, one["count"] * vector_bytes(hardware))
    if code is KEEP_VECTORS:
        return _keep(one, hardware)
    return ()


def is_shape(one: Instruction) -> bool:
    """Tell whether an instruction sets the geometry of those that follow."""
    return one.opcode is SHAPE


def _lines(first: int, count: int) -> int:
    return ((1 << count) - 1) << first


def _on_chip(engine: Engine, writes: bool, place: Place, lines: int) -> Access:
    return Access(engine, writes, place, lines=lines)


def _load(one: Instruction, hardware: Configuration) -> tuple[Access, ...]:
    memory = Memory(one["memory"])
    size = one["count"] * line_bytes(memory, hardware, one["planes"])
    lines = _lines(one["line"], one["count"])
    return (
        _on_chip(Engine.LOAD, True, _PLACE_OF[memory], lines),
        Access(Engine.LOAD, False, None, ranges=((one["address"], one["address"] + size),)),
    )


def _load_activations(one: Instruction, hardware: Configuration) -> tuple[Access, ...]:
    size = one["rows"] * one["width"] * vector_bytes(hardware)
    step = one["stride"] * hardware.bus_bytes
    starts = [one["address"] + block * step for block in range(one["blocks"])]
    rows = range(one["row"], one["row"] + one["rows"])
    lines = 0
    for block in range(one["blocks"]):
        lines |= _rows(rows, one["line"] + block * one["pitch"], one["width"], hardware)
    return (
        _on_chip(Engine.LOAD, True, Place.ACTIVATIONS, lines),
        Access(Engine.LOAD, False, None, ranges=tuple((a, a + size) for a in starts)),
    )


def _rows(rows: range, origin: int, width: int, hardware: Configuration) -> int:
    """Return the lines of image rows; `origin` is the line of row 0, modulo 2^14."""
    lines = 0
    for row in rows:
        first = (origin + (row >> 2) * width) & _LINE_MASK
        lines |= _lines((row & 3) * hardware.activation_lines + first, width)
    return lines


def _image(one: Instruction, shape: Instruction, hardware: Configuration) -> int:
    """Return the activation lines that RESP or BCONV reads: the rows under its windows."""
    last_pixel = one["y"] * shape["out_width"] + one["x"] + one["count"] - 1
    height = 3 if shape["window"] == Window.SQUARE else 1
    first = one["y"] * shape["stride"] - shape["pad_top"]
    last = last_pixel // shape["out_width"] * shape["stride"] - shape["pad_top"] + height
    rows = range(max(first, 0), min(last, shape["height"]))
    vectors = 8 if shape["window"] == Window.COLUMN else shape["parts"] + 1
    lines = 0
    for block in range(one["blocks"] * vectors):
        lines |= _rows(rows, one["line"] + block * shape["pitch"], shape["width"], hardware)
    return lines


def _indices(one: Instruction, line: int) -> Access:
    return _on_chip(Engine.GATHER, False, Place.INDEX, _lines(line, one["groups"] * one["blocks"]))


def _alu(one: Instruction, hardware: Configuration) -> tuple[Access, ...]:
    outputs = one["groups"] * hardware.adders
    found = [_on_chip(Engine.ALU, False, Place.PARAMETER, _lines(one["parameter"], outputs))]
    results = one["tiles"] * outputs
    if one["residual"]:
        lines = _lines(one["residual_line"], results)
        found.append(_on_chip(Engine.ALU, False, Place.RESIDUAL, lines))
    if one["plane"]:
        found.append(_on_chip(Engine.ALU, True, Place.PLANE, _lines(one["plane_line"], results)))
    if one["vector"]:
        blocks = -(-outputs // hardware.channels)
        lines = _lines(one["vector_line"], one["tiles"] * hardware.pixels * blocks)
        found.append(_on_chip(Engine.ALU, True, Place.VECTOR, lines))
    return tuple(found)


def _store(one: Instruction, place: Place, size: int) -> tuple[Access, ...]:
    return (
        _on_chip(Engine.STORE, False, place, _lines(one["line"], one["count"])),
        Access(Engine.STORE, True, None, ranges=((one["address"], one["address"] + size),)),
    )


def _keep(one: Instruction, hardware: Configuration) -> tuple[Access, ...]:
    read = written = 0
    rows, rest = divmod(one["count"], one["width"])
    for block in range(one["blocks"]):
        read |= _lines(one["line"] + block * one["block_lines"], one["count"])
        origin = one["destination"] + block * one["pitch"]
        written |= _rows(range(one["y"], one["y"] + rows), origin, one["width"], hardware)
        if rest:
            row = one["y"] + rows
            first = (origin + (row >> 2) * one["width"]) & _LINE_MASK
            written |= _lines((row & 3) * hardware.activation_lines + first, rest)
    return (
        _on_chip(Engine.STORE, False, Place.VECTOR, read),
        _on_chip(Engine.STORE, True, Place.ACTIVATIONS, written),
    )
