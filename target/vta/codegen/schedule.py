"""The order of instructions: loads of what comes next run while what is there is computed.

A segment is one pass over one band: one RESP and one GATH (or one BCONV), and an ALU with its
stores for each chunk. While a segment is computed, the next one's rows, subset, indices and
parameters are loaded, a share before each chunk, as far as their lines are free; the rest follows
after the last chunk. Residuals are loaded one chunk ahead.

Nothing here waits: tokens.py orders what conflicts. An instruction only ever depends on what comes
before it, and on no RESP or GATH whose chunks do not all come before it: that is why no order of
events ends in a deadlock (deadlock.py checks it).
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..configuration import Configuration
from ..dram_layout import PARAMETER_BYTES, line_bytes, plane_bytes, vector_bytes
from ..isa.encoding import Instruction, instruction
from ..isa.instruction_set import (
    BINARY_CONV,
    GATHER,
    LOAD,
    LOAD_ACTIVATIONS,
    RESPOND,
    SHAPE,
    Memory,
    Vector,
)
from .dram import LayerPlaces, needs_affine
from .plan import PlannedLayer
from .residency import Residency
from .results import ResultWriter, Ring
from .segment import Segment, segments

_LINE_MASK = (1 << 14) - 1

_PIECE = 256
"""Index lines that are loaded at once at least: a smaller load is mostly latency."""


@dataclass(frozen=True)
class _Need:
    """Something that has to be on chip for a segment."""

    memory: str
    key: Hashable
    lines: int


@dataclass(frozen=True)
class _Piece:
    """A load, and after how many chunks of the segment before it may be emitted."""

    after: int
    load: Instruction


class Scheduler:
    """Writes the program of a network, without tokens."""

    def __init__(
        self,
        planned: Sequence[PlannedLayer],
        places: Sequence[LayerPlaces],
        hardware: Configuration,
    ) -> None:
        """Take the plan, the addresses of each layer's data, and the accelerator."""
        self._planned, self._places, self._hardware = planned, places, hardware
        self._memories = {
            "activation": Residency("activation", hardware.activation_lines),
            "subset": Residency("subset", hardware.subset_lines),
            "index": Residency("index", hardware.index_lines),
            "parameter": Residency("parameter", hardware.outputs),
        }
        self._residual_ring = Ring(hardware.residual_lines)
        self._residuals: dict[tuple[int, int], int] = {}
        self._results = ResultWriter(planned, places, hardware)
        self._shaped: int | None = None
        self._program: list[Instruction] = []

    def instructions(self) -> list[Instruction]:
        """Return the instructions of the whole network, without FINISH."""
        self._segments = segments(self._planned)
        self._emit(piece.load for piece in self._pieces(0, set(), 0)[0])
        for number in range(len(self._segments)):
            self._segment(number)
        return self._program

    def _emit(self, loads: Iterable[Instruction]) -> None:
        self._program.extend(loads)

    def _segment(self, number: int) -> None:
        segment = self._segments[number]
        self._place_result(segment)
        self._compute(segment)
        chunks = segment.chunks()
        following = number + 1 < len(self._segments)
        pending, complete = (
            self._pieces(number + 1, self._pinned(segment), len(chunks))
            if following
            else ([], True)
        )
        for place, chunk in enumerate(chunks):
            share = -(-len(pending) // (len(chunks) - place))
            early = [piece for piece in pending if piece.after <= place][:share]
            pending = [piece for piece in pending if piece not in early]
            self._emit(piece.load for piece in early)
            self._load_residual(number, place)
            self._load_residual_ahead(number, place)
            self._emit(
                self._results.chunk(
                    segment,
                    chunk,
                    parameter_line=self._parameter_line(segment),
                    residual_line=self._residuals.get((number, place), 0),
                    kept_line=self._kept_line(segment),
                )
            )
        self._emit(piece.load for piece in pending)
        if not complete:
            pieces, complete = self._pieces(number + 1, set(), 0)
            self._emit(piece.load for piece in pieces)
            assert complete, "one segment's needs fit an accelerator for which it was tiled"

    # ------------------------------------------------------------------ what a segment needs

    def _needs(self, segment: Segment) -> list[_Need]:
        one, geometry = segment.planned, segment.planned.geometry
        layer, hardware = one.layer, self._hardware
        needs = []
        if not one.kept_image:
            needs.append(
                _Need(
                    "activation",
                    (segment.place, segment.band),
                    one.tiling.pitch * geometry.image_blocks,
                )
            )
        if layer.subset is not None:
            needs.append(_Need("subset", segment.place, layer.subset.size))
        lines = geometry.blocks * segment.outputs // hardware.adders
        needs.append(_Need("index", (segment.place, segment.number), lines))
        if _reads_parameters(one):
            needs.append(_Need("parameter", (segment.place, segment.number), segment.outputs))
        return needs

    def _pinned(self, segment: Segment) -> set[Hashable]:
        """Return the keys that have to stay where they are while a segment is computed."""
        keys: set[Hashable] = {(need.memory, need.key) for need in self._needs(segment)}
        if segment.planned.kept_image:
            keys.add(("activation", _kept_key(segment.place)))
        if segment.planned.kept_result:
            keys.add(("activation", _kept_key(segment.place + 1)))
        return keys

    def _place_result(self, segment: Segment) -> None:
        """Give lines to the image that the layer leaves on chip."""
        memory = self._memories["activation"]
        key = _kept_key(segment.place + 1)
        if not segment.planned.kept_result or memory.find(key) is not None:
            return
        geometry = self._planned[segment.place + 1].geometry
        pins = {key for name, key in self._pinned(segment) if name == "activation"}  # type: ignore[misc]
        line = memory.place(key, geometry.kept_pitch * geometry.image_blocks, pins)
        assert line is not None, "images are only kept where they fit"

    def _pieces(self, number: int, pinned: set[Hashable], chunks: int) -> tuple[list[_Piece], bool]:
        """Return the loads that a segment needs, and whether that is all of them.

        What would need the lines of something in `pinned` is left out. `chunks` are those of the
        segment before it, beside which the loads will run.
        """
        segment = self._segments[number]
        needs = self._needs(segment)
        own: set[Hashable] = {(need.memory, need.key) for need in needs}
        if segment.planned.kept_image:
            own.add(("activation", _kept_key(segment.place)))
        pieces: list[_Piece] = []
        complete = True
        for need in needs:
            memory = self._memories[need.memory]
            if memory.find(need.key) is not None:
                continue
            pins = {key for name, key in pinned | own if name == need.memory}  # type: ignore[misc]
            line = memory.place(need.key, need.lines, pins)
            if line is None:
                complete = False
                continue
            after = self._rows_stored(number) if need.memory == "activation" else 0
            pieces += [
                _Piece(after, load) for load in self._load(need.memory, segment, line, chunks)
            ]
        return sorted(pieces, key=lambda piece: piece.after), complete

    def _rows_stored(self, number: int) -> int:
        """Return after how many chunks of the segment before it a segment's rows are in DRAM."""
        segment = self._segments[number]
        source = segment.planned.layer.image
        if number == 0 or source != self._segments[number - 1].planned.layer.name:
            return 0
        before = self._segments[number - 1]
        geometry = segment.planned.geometry
        rows = geometry.loaded_rows(segment.first, segment.tiles)
        tiles = -(-rows.stop * segment.planned.layer.width // self._hardware.pixels)
        left = min(tiles, before.first + before.tiles) - before.first
        return max(0, -(-left // before.planned.tiling.chunk))

    # ------------------------------------------------------------------ loads

    def _load(self, memory: str, segment: Segment, line: int, chunks: int) -> Iterator[Instruction]:
        places, layer = self._places[segment.place], segment.planned.layer
        if memory == "activation":
            yield self._load_rows(segment, line)
        elif memory == "subset":
            assert layer.subset is not None
            yield instruction(
                LOAD,
                memory=Memory.SUBSET,
                line=line,
                count=layer.subset.size,
                address=places.subset,
            )
        elif memory == "index":
            yield from self._load_indices(segment, line, chunks)
        else:
            yield instruction(
                LOAD,
                memory=Memory.PARAMETER,
                line=line,
                count=segment.outputs,
                address=places.parameters + segment.first_output * PARAMETER_BYTES,
            )

    def _load_rows(self, segment: Segment, line: int) -> Instruction:
        one, geometry = segment.planned, segment.planned.geometry
        rows = geometry.loaded_rows(segment.first, segment.tiles)
        row_bytes = geometry.layer.width * vector_bytes(self._hardware)
        return instruction(
            LOAD_ACTIVATIONS,
            line=line,
            row=rows.start & 3,
            rows=len(rows),
            width=geometry.layer.width,
            blocks=geometry.image_blocks,
            pitch=one.tiling.pitch,
            address=self._places[segment.place].image + rows.start * row_bytes,
            stride=geometry.image_block_bytes // self._hardware.bus_bytes,
        )

    def _load_indices(self, segment: Segment, line: int, chunks: int) -> Iterator[Instruction]:
        """Load index lines in as many pieces as there are chunks to put them before."""
        layer, hardware = segment.planned.layer, self._hardware
        lines = segment.planned.geometry.blocks * segment.outputs // hardware.adders
        step = max(_PIECE, -(-lines // max(chunks, 1)))
        step = -(-step // hardware.bus_bytes) * hardware.bus_bytes
        address = self._places[segment.place].indices[segment.number]
        for first in range(0, lines, step):
            yield instruction(
                LOAD,
                memory=Memory.INDEX,
                planes=layer.tau,
                line=line + first,
                count=min(step, lines - first),
                address=address + first * layer.tau * plane_bytes(hardware),
            )

    def _load_residual_ahead(self, number: int, place: int) -> None:
        """Load the residual of the chunk after this one, where that does no harm."""
        segment = self._segments[number]
        chunks = segment.chunks()
        if place + 1 < len(chunks):
            self._load_residual(number, place + 1, beside=(number, place))
        elif number + 1 < len(self._segments):
            following = self._segments[number + 1]
            first, tiles = following.chunks()[0]
            # The chunk that is about to be stored may be what is asked for.
            if (
                following.planned.layer.residual != segment.planned.layer.name
                or first + tiles <= chunks[place][0]
            ):
                self._load_residual(number + 1, 0, beside=(number, place))

    def _load_residual(
        self, number: int, place: int, beside: tuple[int, int] | None = None
    ) -> None:
        """Load a chunk's residual; not if its lines are those of the chunk `beside`."""
        segment = self._segments[number]
        geometry = segment.planned.geometry
        if segment.planned.layer.residual is None or (number, place) in self._residuals:
            return
        first, tiles = segment.chunks()[place]
        count = tiles * segment.outputs
        most = segment.planned.tiling.chunk * segment.outputs
        line = self._residual_ring.next(count, most)
        if beside in self._residuals:
            other = self._segments[beside[0]]  # type: ignore[index]
            held = other.chunks()[beside[1]][1] * other.outputs  # type: ignore[index]
            start = self._residuals[beside]  # type: ignore[index]
            if line < start + held and start < line + count:
                return
        self._residual_ring.take(count, most)
        self._residuals[number, place] = line
        size = line_bytes(Memory.RESIDUAL, self._hardware, 0)
        address = self._places[segment.place].residual
        whole = segment.outputs == geometry.outputs
        for tile in [first] if whole else range(first, first + tiles):
            self._program.append(
                instruction(
                    LOAD,
                    memory=Memory.RESIDUAL,
                    line=line + (tile - first) * segment.outputs,
                    count=count if whole else segment.outputs,
                    address=address + (tile * geometry.outputs + segment.first_output) * size,
                )
            )

    # ------------------------------------------------------------------ computing

    def _compute(self, segment: Segment) -> None:
        one, geometry, layer = segment.planned, segment.planned.geometry, segment.planned.layer
        if self._shaped != segment.place:
            self._shaped = segment.place
            self._program.append(
                instruction(
                    SHAPE,
                    window=layer.window,
                    stride=layer.stride,
                    pad_top=layer.padding,
                    pad_left=layer.padding,
                    height=layer.height,
                    width=layer.width,
                    out_width=layer.out_width,
                    pitch=one.tiling.pitch,
                    parts=0 if layer.subset is None else len(layer.subset) - 1,
                )
            )
        pixel = segment.first * self._hardware.pixels
        position = {
            "line": self._image_line(segment),
            "blocks": geometry.blocks,
            "y": pixel // layer.out_width,
            "x": pixel % layer.out_width,
            "count": min(segment.tiles * self._hardware.pixels, layer.count - pixel),
        }
        groups = segment.outputs // self._hardware.adders
        index_line = self._line("index", (segment.place, segment.number))
        if layer.binary:
            self._program.append(
                instruction(BINARY_CONV, kernel_line=index_line, groups=groups, **position)
            )
            return
        self._program += [
            instruction(
                RESPOND,
                subset=self._line("subset", segment.place),
                kernels=layer.kernels,
                **position,
            ),
            instruction(
                GATHER,
                line=index_line,
                groups=groups,
                blocks=geometry.blocks,
                tiles=segment.tiles,
                sign=layer.tau if layer.negation else 0,
            ),
        ]

    def _parameter_line(self, segment: Segment) -> int:
        if not _reads_parameters(segment.planned):
            return 0
        return self._line("parameter", (segment.place, segment.number))

    def _kept_line(self, segment: Segment) -> int:
        if not segment.planned.kept_result:
            return 0
        return self._line("activation", _kept_key(segment.place + 1))

    def _line(self, memory: str, key: Hashable) -> int:
        line = self._memories[memory].find(key)
        assert line is not None, f"{memory} {key} was loaded"
        return line

    def _image_line(self, segment: Segment) -> int:
        """Return the line of row 0, which for a band lies before the first that is loaded."""
        if segment.planned.kept_image:
            return self._line("activation", _kept_key(segment.place))
        line = self._line("activation", (segment.place, segment.band))
        rows = segment.planned.geometry.loaded_rows(segment.first, segment.tiles)
        return (line - (rows.start >> 2) * segment.planned.layer.width) & _LINE_MASK


def _kept_key(place: int) -> Hashable:
    """Return the key of the image that a layer finds on chip."""
    return (place, "kept")


def _reads_parameters(one: PlannedLayer) -> bool:
    given = one.layer.epilogue
    return (
        needs_affine(one.geometry) or given.prelu or given.clip or one.layer.vector is Vector.SIGN
    )
