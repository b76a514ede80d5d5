"""The buffers of a core of strategy `subset_lookup`, as its parts hand them on."""

from typing import NamedTuple

from tvm import tirx


class Operands(NamedTuple):
    """What a core reads beside the image."""

    zeros: tirx.Buffer
    """Which chunks of an image have zeros, uint8 (N, groups * chunks + 1); see `FramedWords`."""
    rows: tirx.Buffer
    """The table's rows of responses, uint8; see `table`."""
    lanes: tirx.Buffer
    """Indices of outputs, uint8 (groups, parts, units, blocks, steps, vector bytes)."""
    starts: tirx.Buffer
    """What sums begin with, uint16 (row classes, column classes, groups, outputs)."""


class Work(NamedTuple):
    """What a job works in."""

    codes: tirx.Buffer
    """Codes of a segment, then the sums of a strip as words: uint16, flat."""
    counts: tirx.Buffer
    """Parities of a segment's pixels, uint16."""
    entries: tirx.Buffer
    """uint8 (lookups, steps, vector bytes)."""
    found: tirx.Buffer
    """uint8 (lookups, blocks, vector bytes)."""
    total: list[tirx.Buffer]
    """The sums of a tile: for each pixel uint8 (blocks, vector bytes)."""
