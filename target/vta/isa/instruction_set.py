"""The instruction set: the one place that says what each bit means.

Encoder, disassembler, the documentation's tables and the constants of the RTL are made from it.
"""

from enum import IntEnum

from .fields import Engine, Field, Opcode


class Memory(IntEnum):
    """The memories that LOAD fills line by line."""

    SUBSET = 0
    INDEX = 1
    PARAMETER = 2
    RESIDUAL = 3


class Window(IntEnum):
    """How a lane finds the nine taps of its window."""

    SQUARE = 0
    """3x3 pixels of one channel block."""
    COLUMN = 1
    """One pixel of eight successive channel blocks: the units of 8 of a 1x1 convolution."""


class Plane(IntEnum):
    """What ALU writes for each output channel: `pixels` numbers side by side."""

    NONE = 0
    ACCUMULATOR = 1
    """int32, the accumulator as it is after the epilogue's steps."""
    TRUNK = 2
    """int16, saturated: what a later residual addition reads."""


class Vector(IntEnum):
    """What ALU writes for each pixel: a vector of `channels` activations."""

    NONE = 0
    SIGN = 1
    """-1, 0 or +1: how the result compares with the channel's threshold."""
    REQUANTIZED = 2
    """Shifted right with rounding and saturated to the width of an activation."""


_LINE = 16
_BLOCKS = 8

_POSITION = (
    Field("y", 10, "row of the first output pixel"),
    Field("x", 10, "column of the first output pixel"),
    Field("count", 16, "output pixels, numbered row after row", least=1),
)

LOAD = Opcode(
    "LOAD",
    1,
    (Engine.LOAD,),
    "Fill lines of a memory from DRAM.",
    (
        Field("memory", 2, "which: " + ", ".join(f"{m.value} {m.name}" for m in Memory)),
        Field("planes", 4, "INDEX: bit planes of a line in DRAM; the others are cleared"),
        Field("line", _LINE, "first line"),
        Field("count", 20, "lines", least=1),
        Field("address", 32, "byte address, a multiple of the bus width"),
    ),
)

LOAD_ACTIVATIONS = Opcode(
    "LDACT",
    2,
    (Engine.LOAD,),
    "Fill the activation banks: image rows of one or more channel blocks.",
    (
        Field("line", 14, "line of the first vector, row / 4 rows deep in its bank"),
        Field("row", 2, "first image row modulo 4: its bank"),
        Field("rows", 10, "image rows", least=1),
        Field("width", 10, "vectors of a row", least=1),
        Field("blocks", _BLOCKS, "channel blocks", least=1),
        Field("pitch", 14, "lines between two channel blocks"),
        Field("address", 32, "byte address, a multiple of the bus width"),
        Field("stride", 14, "bus words in DRAM between two channel blocks"),
    ),
)

SHAPE = Opcode(
    "SHAPE",
    3,
    (Engine.RESPONSE,),
    "Set the geometry that the following RESP and BCONV use.",
    (
        Field("window", 1, "how taps are found: 0 SQUARE, 1 COLUMN"),
        Field("stride", 2, "1 or 2", least=1, most=2),
        Field("pad_top", 4, "rows of zeros above the image"),
        Field("pad_left", 4, "columns of zeros left of it"),
        Field("height", 10, "rows of the image", least=1),
        Field("width", 10, "columns of the image", least=1),
        Field("out_width", 10, "columns of the result", least=1),
        Field("pitch", 14, "lines between two channel blocks"),
        Field("parts", 1, "channels of a 3x3 unit, less one: 1 for paired units"),
    ),
)

RESPOND = Opcode(
    "RESP",
    4,
    (Engine.RESPONSE,),
    "For every tile of pixels and every block of units: the responses to all subset kernels.",
    (
        Field("line", 14, "line of row 0, channel block 0"),
        Field("subset", 8, "first line of the subset"),
        Field("kernels", 8, "kernels of the subset", least=1),
        Field("blocks", _BLOCKS, "blocks of units", least=1),
        *_POSITION,
    ),
)

GATHER = Opcode(
    "GATH",
    5,
    (Engine.GATHER,),
    "For every tile and every block of units: add to each output the response its index picks.",
    (
        Field("line", _LINE, "first index line"),
        Field("groups", 10, "groups of `adders` outputs", least=1),
        Field("blocks", _BLOCKS, "blocks of units", least=1),
        Field("tiles", 12, "tiles of `pixels` pixels", least=1),
        Field("sign", 4, "0, or which bit of an index negates, from 1: those below say the kernel"),
    ),
)

BINARY_CONV = Opcode(
    "BCONV",
    6,
    (Engine.RESPONSE, Engine.GATHER),
    "A binary convolution whose index lines hold the 9-bit kernels themselves.",
    (
        Field("line", 14, "line of row 0, channel block 0"),
        Field("kernel_line", _LINE, "first index line"),
        Field("groups", 10, "groups of `adders` outputs", least=1),
        Field("blocks", _BLOCKS, "channel blocks", least=1),
        *_POSITION,
    ),
)

ALU = Opcode(
    "ALU",
    7,
    (Engine.ALU,),
    "Scale, bias, residual, PReLU and saturation of accumulated tiles; signs and requantisation.",
    (
        Field("tiles", 12, "tiles of `pixels` pixels", least=1),
        Field("groups", 10, "groups of `adders` outputs", least=1),
        Field("parameter", 10, "parameter line of output 0"),
        Field("affine", 1, "multiply by the output's scale, add its bias"),
        Field("shift", 5, "shift right by so many bits, halves upwards (with `affine`)"),
        Field("residual", 1, "add the residual line of the tile and output"),
        Field("prelu", 1, "multiply what is negative by the output's slope / 2^14"),
        Field("clip", 1, "saturate to the output's bounds"),
        Field(
            "plane", 2, "what is written for each output: 0 NONE, 1 ACCUMULATOR, 2 TRUNK", most=2
        ),
        Field("plane_line", 12, "first line of the plane memory"),
        Field("vector", 2, "what is written for each pixel: 0 NONE, 1 SIGN, 2 REQUANTIZED", most=2),
        Field("vector_line", 14, "first line of the vector memory"),
        Field("requantize", 5, "REQUANTIZED: shift right by so many bits"),
        Field("residual_line", 12, "first residual line"),
    ),
)

STORE_PLANES = Opcode(
    "STPLN",
    8,
    (Engine.STORE,),
    "Write lines of the plane memory to DRAM.",
    (
        Field("plane", 2, "what they hold: 1 ACCUMULATOR, 2 TRUNK", least=1, most=2),
        Field("line", 12, "first line"),
        Field("count", 16, "lines", least=1),
        Field("address", 32, "byte address, a multiple of the bus width"),
    ),
)

STORE_VECTORS = Opcode(
    "STVEC",
    9,
    (Engine.STORE,),
    "Write lines of the vector memory to DRAM.",
    (
        Field("line", 14, "first line"),
        Field("count", 16, "lines", least=1),
        Field("address", 32, "byte address, a multiple of the bus width"),
    ),
)

KEEP_VECTORS = Opcode(
    "KEEP",
    10,
    (Engine.STORE,),
    "Copy lines of the vector memory into the activation banks, as the next layer's image.",
    (
        Field("line", 14, "first line"),
        Field("blocks", _BLOCKS, "channel blocks", least=1),
        Field("block_lines", 14, "vector lines of a channel block"),
        Field("count", 14, "vectors of each block that are copied", least=1),
        Field("y", 10, "image row of the first"),
        Field("width", 10, "columns of the image", least=1),
        Field("destination", 14, "line of row 0, channel block 0"),
        Field("pitch", 14, "lines between two channel blocks"),
    ),
)

FINISH = Opcode(
    "FINISH",
    15,
    (),
    "Stop when every engine has done what came before; raise the interrupt.",
    (),
)

INSTRUCTIONS = (
    LOAD,
    LOAD_ACTIVATIONS,
    SHAPE,
    RESPOND,
    GATHER,
    BINARY_CONV,
    ALU,
    STORE_PLANES,
    STORE_VECTORS,
    KEEP_VECTORS,
    FINISH,
)
