"""Loads what is added to results, a chunk ahead of the ALU."""

from collections.abc import Iterator, Sequence

from ..configuration import Configuration
from ..dram_layout import line_bytes
from ..isa.encoding import Instruction, instruction
from ..isa.instruction_set import LOAD, Memory
from .dram import LayerPlaces
from .ring import Ring
from .segment import Segment

Chunk = tuple[int, int]
"""Which segment, and which of its chunks."""


class ResidualLoads:
    """Writes the loads of residuals and remembers in which lines each chunk's lies."""

    def __init__(
        self,
        segments: Sequence[Segment],
        places: Sequence[LayerPlaces],
        hardware: Configuration,
    ) -> None:
        """Take the segments in their order and the addresses of each layer's data."""
        self._segments, self._places, self._hardware = segments, places, hardware
        self._ring = Ring(hardware.residual_lines)
        self._lines: dict[Chunk, range] = {}

    def line(self, chunk: Chunk) -> int:
        """Return the first line of a chunk's residual; 0 where the layer has none."""
        return self._lines.get(chunk, range(1)).start

    def load(self, chunk: Chunk) -> Iterator[Instruction]:
        """Yield the loads of a chunk, and of the next where that harms nothing."""
        yield from self._load(chunk, range(0))
        number, place = chunk
        segment = self._segments[number]
        chunks = segment.chunks()
        held = self._lines.get(chunk, range(0))
        if place + 1 < len(chunks):
            yield from self._load((number, place + 1), held)
        elif number + 1 < len(self._segments):
            following = self._segments[number + 1]
            first, tiles = following.chunks()[0]
            # What is asked for may be the chunk that is about to be stored.
            stored = following.planned.layer.residual != segment.planned.layer.name
            if stored or first + tiles <= chunks[place][0]:
                yield from self._load((number + 1, 0), held)

    def _load(self, chunk: Chunk, held: range) -> Iterator[Instruction]:
        """Yield a chunk's loads, unless they were, or would overwrite the lines that are held."""
        segment = self._segments[chunk[0]]
        if segment.planned.layer.residual is None or chunk in self._lines:
            return
        first, tiles = segment.chunks()[chunk[1]]
        count, largest = tiles * segment.outputs, segment.planned.tiling.chunk * segment.outputs
        line = self._ring.next(count, largest)
        if line < held.stop and held.start < line + count:
            return
        self._ring.take(count, largest)
        self._lines[chunk] = range(line, line + count)
        outputs = segment.planned.geometry.outputs
        size = line_bytes(Memory.RESIDUAL, self._hardware, 0)
        whole = segment.outputs == outputs
        for tile in [first] if whole else range(first, first + tiles):
            start = tile * outputs + segment.first_output
            yield instruction(
                LOAD,
                memory=Memory.RESIDUAL,
                line=line + (tile - first) * segment.outputs,
                count=count if whole else segment.outputs,
                address=self._places[segment.place].residual + start * size,
            )
