"""What has to be on chip for a segment, and the instructions that load it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..configuration import Configuration
from ..dram_layout import PARAMETER_BYTES, plane_bytes, vector_bytes
from ..isa.encoding import Instruction, instruction
from ..isa.instruction_set import LOAD, LOAD_ACTIVATIONS, Memory, Vector
from .accesses import Place
from .dram import LayerPlaces, needs_affine
from .geometry import round_up
from .layer import OUTSIDE
from .plan import PlannedLayer
from .segment import Segment

_PIECE = 256
"""Index lines that are loaded at once at least: a smaller load is mostly latency."""

_VECTORS = 512
"""Likewise, activation vectors."""


@dataclass(frozen=True)
class Need:
    """Lines of a memory that hold something of a layer."""

    memory: Place
    layer: int
    part: int
    """Which band of the image, or which pass of indices and parameters."""
    lines: int


def image_need(segment: Segment) -> Need | None:
    """Return the rows that are loaded for a segment; None where the image is kept on chip."""
    one = segment.planned
    if one.kept_image:
        return None
    lines = one.tiling.pitch * one.geometry.image_blocks
    return Need(Place.ACTIVATIONS, segment.place, segment.band, lines)


def subset_need(segment: Segment) -> Need | None:
    """Return the subset of a segment's layer; None in a binary convolution."""
    subset = segment.planned.layer.subset
    return None if subset is None else Need(Place.SUBSET, segment.place, 0, subset.size)


def index_need(segment: Segment) -> Need:
    """Return the indices of a segment's pass."""
    groups = segment.outputs // segment.planned.geometry.hardware.adders
    lines = segment.planned.geometry.blocks * groups
    return Need(Place.INDEX, segment.place, segment.number, lines)


def parameter_need(segment: Segment) -> Need | None:
    """Return the parameters of a segment's pass; None where ALU uses none."""
    one = segment.planned
    given = one.layer.epilogue
    signs = one.layer.vector is Vector.SIGN
    if not (needs_affine(one.geometry) or given.prelu or given.clip or signs):
        return None
    return Need(Place.PARAMETER, segment.place, segment.number, segment.outputs)


def needs(segment: Segment) -> list[Need]:
    """Return all that a segment needs, in the order in which engines ask for it."""
    found = (
        image_need(segment),
        subset_need(segment),
        index_need(segment),
        parameter_need(segment),
    )
    return [need for need in found if need is not None]


def weight_needs(segment: Segment) -> list[Need]:
    """Return what a segment needs that is there long before."""
    found = (subset_need(segment), index_need(segment))
    return [need for need in found if need is not None]


class Loads:
    """Writes the instructions that load what is needed."""

    def __init__(self, places: Sequence[LayerPlaces], hardware: Configuration) -> None:
        """Take the addresses of each layer's data."""
        self._places, self._hardware = places, hardware

    def load(self, need: Need, segment: Segment, line: int, pieces: int) -> Iterator[Instruction]:
        """Yield the loads of a segment's need, in up to so many pieces where that makes sense."""
        if need.memory is Place.ACTIVATIONS:
            yield from self._rows(segment, line, pieces)
        elif need.memory is Place.INDEX:
            yield from self._indices(need, segment.planned, line, pieces)
        elif need.memory is Place.SUBSET:
            address = self._places[need.layer].subset
            yield _load(Memory.SUBSET, line, need.lines, address)
        else:
            address = self._places[need.layer].parameters
            address += segment.first_output * PARAMETER_BYTES
            yield _load(Memory.PARAMETER, line, need.lines, address)

    def _rows(self, segment: Segment, line: int, pieces: int) -> Iterator[Instruction]:
        geometry = segment.planned.geometry
        rows, width = geometry.loaded_rows(segment.first, segment.tiles), geometry.layer.width
        least = -(-_VECTORS // (width * geometry.image_blocks))
        # Each piece of an image that is stored meanwhile would take a token of its own.
        pieces = max(pieces, 1) if geometry.layer.image == OUTSIDE else 1
        step = round_up(max(least, -(-len(rows) // pieces)), geometry.row_step)
        for row in range(rows.start, rows.stop, step):
            yield instruction(
                LOAD_ACTIVATIONS,
                line=line + ((row >> 2) - (rows.start >> 2)) * width,
                row=row & 3,
                rows=min(step, rows.stop - row),
                width=width,
                blocks=geometry.image_blocks,
                pitch=segment.planned.tiling.pitch,
                address=self._places[segment.place].image
                + row * width * vector_bytes(self._hardware),
                stride=geometry.image_block_bytes // self._hardware.bus_bytes,
            )

    def _indices(
        self, need: Need, one: PlannedLayer, line: int, pieces: int
    ) -> Iterator[Instruction]:
        tau = one.layer.tau
        # So many lines are whole bus words, however many planes they have.
        step = round_up(max(_PIECE, -(-need.lines // max(pieces, 1))), self._hardware.bus_bytes)
        address = self._places[need.layer].indices[need.part]
        for first in range(0, need.lines, step):
            yield _load(
                Memory.INDEX,
                line + first,
                min(step, need.lines - first),
                address + first * tau * plane_bytes(self._hardware),
                planes=tau,
            )


def _load(memory: Memory, line: int, count: int, address: int, planes: int = 0) -> Instruction:
    return instruction(LOAD, memory=memory, planes=planes, line=line, count=count, address=address)
