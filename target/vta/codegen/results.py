"""The instructions that finish a chunk of tiles: ALU, and where its results go."""

from collections.abc import Iterator, Sequence

from ..configuration import Configuration
from ..dram_layout import result_bytes, vector_bytes
from ..isa.encoding import Instruction, instruction
from ..isa.instruction_set import (
    ALU,
    KEEP_VECTORS,
    STORE_PLANES,
    STORE_VECTORS,
    Plane,
    Vector,
)
from .dram import LayerPlaces, needs_affine
from .geometry import block_bytes
from .plan import PlannedLayer
from .ring import Ring
from .segment import Segment


class ResultWriter:
    """Writes the end of each chunk."""

    def __init__(
        self,
        planned: Sequence[PlannedLayer],
        places: Sequence[LayerPlaces],
        hardware: Configuration,
    ) -> None:
        """Take the plan and the addresses of each layer's data."""
        self._planned, self._places, self._hardware = planned, places, hardware
        self._planes, self._vectors = Ring(hardware.plane_lines), Ring(hardware.vector_lines)

    def chunk(
        self,
        segment: Segment,
        chunk: tuple[int, int],
        *,
        parameter_line: int,
        residual_line: int,
    ) -> Iterator[Instruction]:
        """Yield ALU and stores; the lines are those of the pass's parameters and the residual."""
        layer = segment.planned.layer
        tiles, most = chunk[1], segment.planned.tiling.chunk
        plane_line = vector_line = 0
        if layer.plane is not Plane.NONE:
            plane_line = self._planes.take(tiles * segment.outputs, most * segment.outputs)
        if layer.vector is not Vector.NONE:
            lines = -(-segment.outputs // self._hardware.channels) * self._hardware.pixels
            vector_line = self._vectors.take(tiles * lines, most * lines)
        yield instruction(
            ALU,
            tiles=tiles,
            groups=segment.outputs // self._hardware.adders,
            parameter=parameter_line,
            affine=needs_affine(segment.planned.geometry),
            shift=layer.epilogue.shift if layer.epilogue.affine else 0,
            residual=layer.residual is not None,
            prelu=layer.epilogue.prelu,
            clip=layer.epilogue.clip,
            plane=layer.plane,
            plane_line=plane_line,
            vector=layer.vector,
            vector_line=vector_line,
            requantize=layer.epilogue.requantize,
            residual_line=residual_line if layer.residual is not None else 0,
        )
        if layer.plane is not Plane.NONE:
            yield from self._store_planes(segment, chunk, plane_line)
        if segment.planned.kept_result:
            yield from self._keep(segment, chunk, vector_line)
        elif layer.vector is not Vector.NONE:
            yield from self._store_vectors(segment, chunk, vector_line)

    def _store_planes(
        self, segment: Segment, chunk: tuple[int, int], line: int
    ) -> Iterator[Instruction]:
        """Write planes tile by tile, of each all the layer's outputs; several passes interleave."""
        kind, outputs = segment.planned.layer.plane, segment.planned.geometry.outputs
        size, (first, tiles) = result_bytes(kind, self._hardware), chunk
        runs = [(first, tiles)]
        if segment.outputs != outputs:
            runs = [(tile, 1) for tile in range(first, first + tiles)]
        for tile, count in runs:
            yield instruction(
                STORE_PLANES,
                plane=kind,
                line=line + (tile - first) * segment.outputs,
                count=count * segment.outputs,
                address=self._places[segment.place].planes
                + (tile * outputs + segment.first_output) * size,
            )

    def _blocks(self, segment: Segment) -> range:
        """Return which of the image's channel blocks a pass makes."""
        first = segment.first_output // self._hardware.channels
        made = -(-segment.outputs // self._hardware.channels)
        return range(first, min(first + made, segment.planned.geometry.vector_blocks))

    def _pixels(self, segment: Segment, chunk: tuple[int, int]) -> tuple[int, int]:
        """Return the first pixel of a chunk and how many there are."""
        first = chunk[0] * self._hardware.pixels
        end = min(first + chunk[1] * self._hardware.pixels, segment.planned.layer.count)
        return first, end - first

    def _store_vectors(
        self, segment: Segment, chunk: tuple[int, int], line: int
    ) -> Iterator[Instruction]:
        first, count = self._pixels(segment, chunk)
        step = block_bytes(segment.planned.layer.count, self._hardware)
        start = self._places[segment.place].vectors + first * vector_bytes(self._hardware)
        for place, block in enumerate(self._blocks(segment)):
            yield instruction(
                STORE_VECTORS,
                line=line + place * chunk[1] * self._hardware.pixels,
                count=count,
                address=start + block * step,
            )

    def _keep(self, segment: Segment, chunk: tuple[int, int], line: int) -> Iterator[Instruction]:
        """Copy a chunk: what is left of its first row, then the rows that it begins itself."""
        first, count = self._pixels(segment, chunk)
        width = segment.planned.layer.out_width
        pitch = self._planned[segment.place + 1].geometry.kept_pitch
        blocks = self._blocks(segment)
        row, column = divmod(first, width)
        rest = min(count, width - column) if column else 0
        for start, pixels, y, shift in (
            (0, rest, row, column),
            (rest, count - rest, row + bool(column), 0),
        ):
            if pixels:
                yield instruction(
                    KEEP_VECTORS,
                    line=line + start,
                    blocks=len(blocks),
                    block_lines=chunk[1] * self._hardware.pixels,
                    count=pixels,
                    y=y,
                    width=width,
                    destination=segment.planned.result_lines.start + blocks.start * pitch + shift,
                    pitch=pitch,
                )
