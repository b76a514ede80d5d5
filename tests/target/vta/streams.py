"""Programs of several layers, bands and images that stay on chip, with much under way at once."""

import numpy as np
from hypothesis import strategies as st

from tests.target.vta.layers import Built, Layer, build, expected
from tests.target.vta.strategies import epilogues, layers
from tvm_snn.target.vta.configuration import Configuration
from tvm_snn.target.vta.dram_layout import result_bytes
from tvm_snn.target.vta.isa.encoding import Instruction, instruction
from tvm_snn.target.vta.isa.instruction_set import (
    ALU,
    BINARY_CONV,
    FINISH,
    GATHER,
    KEEP_VECTORS,
    LOAD_ACTIVATIONS,
    RESPOND,
    SHAPE,
    STORE_PLANES,
    STORE_VECTORS,
    Plane,
    Vector,
)


def changed(one: Instruction, **values: int) -> Instruction:
    """Return an instruction with some fields set anew."""
    kept = {name: value for name, value in one.values.items() if name != "opcode"}
    return instruction(one.opcode, **kept | values)


def in_bands(built: Built, columns: int, tiles: int, hardware: Configuration) -> list[Instruction]:
    """Return a layer's program (no vectors) with its work split into bands of so many tiles.

    The plane memory is a ring of two bands: a third waits until the first one is stored.
    """
    work = {one.opcode: one for one in built.program}
    respond, gather = work.get(RESPOND), work.get(GATHER)
    binary, alu, store = work.get(BINARY_CONV), work[ALU], work[STORE_PLANES]
    program = [
        one
        for one in built.program
        if one.opcode not in (RESPOND, GATHER, BINARY_CONV, ALU, STORE_PLANES, FINISH)
    ]
    outputs = built.outputs
    for first in range(0, alu["tiles"], tiles):
        some = min(tiles, alu["tiles"] - first)
        pixel = first * hardware.pixels
        count = min(some * hardware.pixels, built.pixels - pixel)
        place = {"y": pixel // columns, "x": pixel % columns, "count": count}
        wait = 1 if first == 0 else 0
        if binary is not None:
            program.append(changed(binary, **place, wait=wait, second_wait=wait))
        else:
            assert respond is not None
            assert gather is not None
            program += [
                changed(respond, **place, wait=wait),
                changed(gather, tiles=some, wait=wait),
            ]
        lines = first * outputs
        plane_line = first // tiles % 2 * tiles * outputs
        program += [
            changed(
                alu,
                tiles=some,
                plane_line=plane_line,
                residual_line=lines if alu["residual"] else 0,
                wait=wait | (2 if first >= 2 * tiles else 0),
            ),
            changed(
                store,
                line=plane_line,
                post=1 if first + 2 * tiles < alu["tiles"] else 0,
                count=some * outputs,
                address=store["address"] + lines * result_bytes(Plane(alu["plane"]), hardware),
            ),
        ]
    return program


def one_after_the_other(programs: list[tuple[list[Instruction], int]]) -> list[Instruction]:
    """Return one program of several, each with the address where its part of DRAM begins.

    Tokens keep a layer's loads behind the work of the layer before, and its results behind the
    stores of that one's.
    """
    whole = []
    for number, (program, base) in enumerate(programs):
        goes_on, follows = number + 1 < len(programs), number > 0
        last = {one.opcode: place for place, one in enumerate(program)}
        first = {one.opcode: place for place, one in reversed(list(enumerate(program)))}
        stores = max(last[opcode] for opcode in (STORE_PLANES, STORE_VECTORS) if opcode in last)
        for place, one in enumerate(program):
            values = dict(one.values)
            if "address" in values:
                values["address"] += base
            if goes_on and place == last[one.opcode] and one.opcode in (RESPOND, GATHER, ALU):
                values["post"] |= 1
            if goes_on and one.opcode is BINARY_CONV and place == last[one.opcode]:
                values["post"] |= 1
                values["second_post"] |= 1
            if goes_on and place == stores:
                values["post"] |= 1
            if follows and one.opcode is LOAD_ACTIVATIONS:
                values["wait"] |= 7
            if follows and one.opcode is ALU and place == first[ALU]:
                values["wait"] |= 2
            del values["opcode"]
            whole.append(instruction(one.opcode, **values))
    return [*whole, instruction(FINISH)]


@st.composite
def streams(draw: st.DrawFn, hardware: Configuration) -> tuple[list[Instruction], np.ndarray]:
    """Draw a legal program of one to three layers, in bands, and its DRAM."""
    parts, drams, base = [], [], 0
    for _ in range(draw(st.integers(1, 3))):
        layer = draw(layers(hardware))
        outputs, rows, columns = expected(layer).shape
        fields = draw(epilogues(outputs, rows * columns)) | {"vector": Vector.NONE}
        built = build(layer, hardware, **fields)
        tiles = draw(st.integers(1, 4))
        parts.append((in_bands(built, columns, tiles, hardware), base))
        drams.append(built.dram)
        base += len(built.dram)
    return one_after_the_other(parts), np.concatenate(drams)


@st.composite
def kept_images(draw: st.DrawFn, hardware: Configuration) -> tuple[list[Instruction], np.ndarray]:
    """Draw a layer whose result is the image of a second one, without a way through DRAM."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, outputs = hardware.channels, draw(st.integers(1, 2 * hardware.channels))
    height, width = draw(st.integers(3, 6)), draw(st.integers(3, 6))
    low, high = (-1, 2) if hardware.activation_bits == 2 else (-128, 128)
    layer = Layer(
        rng.integers(low, high, (height, width, channels)).astype(np.int8),
        rng.permutation(512)[:8][None],
        rng.integers(0, 8, (outputs, channels)),
        3,
    )
    built = build(layer, hardware, vector=Vector.REQUANTIZED, requantize=draw(st.integers(0, 8)))
    blocks = -(-built.outputs // channels)
    tiles = -(-height * width // hardware.pixels)
    pitch = -(-height // 4) * width
    results = len(built.dram)
    *program, finish = built.program
    by_opcode = {one.opcode: one for one in program}
    program = [changed(one, post=1) if one.opcode is STORE_PLANES else one for one in program]
    groups = -(-draw(st.integers(1, outputs)) // hardware.adders)
    lines = tiles * groups * hardware.adders
    program += [
        instruction(
            KEEP_VECTORS,
            blocks=blocks,
            block_lines=tiles * hardware.pixels,
            count=height * width,
            width=width,
            destination=pitch,
            pitch=pitch,
            post=2,
        ),
        changed(by_opcode[SHAPE], wait=2),
        changed(by_opcode[RESPOND], line=pitch, blocks=1, wait=0),
        changed(by_opcode[GATHER], groups=groups, blocks=1, wait=0),
        instruction(ALU, tiles=tiles, groups=groups, plane=1, wait=2, post=2),
        instruction(STORE_PLANES, plane=1, count=lines, address=results, wait=1),
        finish,
    ]
    room = np.zeros(lines * result_bytes(Plane.ACCUMULATOR, hardware), np.uint8)
    return program, np.concatenate([built.dram, room])
