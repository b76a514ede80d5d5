"""The buffers of a core of strategy `subset_lookup`, as its parts hand them on."""

from typing import NamedTuple

from tvm import tirx


class Operands(NamedTuple):
    """What a core reads beside the image."""

    zeros: tirx.Buffer
    rows: tirx.Buffer
    lanes: tirx.Buffer
    starts: tirx.Buffer


class Work(NamedTuple):
    """What a job works in."""

    codes: tirx.Buffer
    """Codes of a segment, then the sums of a strip as words."""
    counts: tirx.Buffer
    """Parities of pixels."""
    entries: tirx.Buffer
    """uint8 (lookups, steps, vector bytes)."""
    found: tirx.Buffer
    """uint8 (lookups, blocks, vector bytes)."""
    total: list[tirx.Buffer]
    """The sums of a tile: for each pixel uint8 (blocks, vector bytes)."""
