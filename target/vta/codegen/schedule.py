"""The order of instructions: loads of what comes next run while what is there is computed.

A segment is one RESP and one GATH (or one BCONV), and an ALU with its stores for each chunk of its
tiles. While it is computed, the rows and parameters of the next segment and the subsets and
indices of the next layer are loaded, a share before each chunk, as far as their lines are free;
the rest follows after the last chunk. Residuals are loaded one chunk ahead.

Nothing here waits: tokens.py orders what conflicts. An instruction depends only on what comes
before it, and on no RESP or GATH whose chunks do not all come before it too: that is why no order
of events ends in a deadlock (deadlock.py checks it).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ....errors import SnnError
from ..configuration import Configuration
from ..isa.encoding import Instruction, instruction
from ..isa.instruction_set import BINARY_CONV, GATHER, RESPOND, SHAPE
from .accesses import Place
from .dram import LayerPlaces
from .needs import (
    Loads,
    Need,
    image_need,
    index_need,
    needs,
    parameter_need,
    subset_need,
    weight_needs,
)
from .plan import PlannedLayer
from .residency import Residency, appointments
from .residuals import ResidualLoads
from .results import ResultWriter
from .segment import Segment, segments

_LINE_MASK = (1 << 14) - 1

_LAYERS_AHEAD = 2
"""How far ahead weights are loaded, as far as there is room."""


@dataclass(frozen=True)
class _Piece:
    """A load that another segment needs."""

    due: int
    """The segment."""
    need: Need
    line: int
    after: int
    """How many chunks of the segment that is computed have to be stored before."""
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
        self._segments, self._hardware = segments(planned), hardware
        self._memories = {
            Place.ACTIVATIONS: Residency("activation", hardware.activation_lines),
            Place.SUBSET: Residency("subset", hardware.subset_lines),
            Place.INDEX: Residency(
                "index",
                hardware.index_lines,
                appointments(
                    [index_need(segment) for segment in self._segments], hardware.index_lines
                ),
            ),
            Place.PARAMETER: Residency("parameter", hardware.outputs),
        }
        self._loads = Loads(places, hardware)
        self._residuals = ResidualLoads(self._segments, places, hardware)
        self._results = ResultWriter(planned, places, hardware)
        self._shaped: int | None = None
        self._pending: list[_Piece] = []
        self._program: list[Instruction] = []

    def instructions(self) -> list[Instruction]:
        """Return the instructions of the whole network, without FINISH."""
        self._complete(0, [])
        for number in range(len(self._segments)):
            self._segment(number)
        return self._program

    def _segment(self, number: int) -> None:
        segment = self._segments[number]
        if segment.planned.kept_result:
            self._memories[Place.ACTIVATIONS].forget(segment.planned.result_lines)
        self._compute(segment)
        self._look_ahead(number)
        parameters = parameter_need(segment)
        for place, chunk in enumerate(segment.chunks()):
            self._program += self._residuals.load((number, place))
            self._emit_share(number, place)
            self._program += self._results.chunk(
                segment,
                chunk,
                parameter_line=0 if parameters is None else self._line(parameters),
                residual_line=self._residuals.line((number, place)),
            )
        if number + 1 < len(self._segments):
            self._complete(number + 1, self._ahead(number + 1))

    # ------------------------------------------------------------------ loads

    def _ahead(self, number: int) -> list[Need]:
        """Return the weights that may be loaded while a segment is computed, nearest first."""
        last = self._segments[number].place + _LAYERS_AHEAD
        found: list[Need] = []
        for segment in self._segments[number + 1 :]:
            if segment.place > last:
                break
            found += [need for need in weight_needs(segment) if need not in found]
        return found

    def _look_ahead(self, number: int) -> None:
        """Collect the loads that may run while a segment is computed."""
        segment = self._segments[number]
        last = segment.place + _LAYERS_AHEAD
        pinned = needs(segment)
        full: set[Place] = set()
        for due in range(number + 1, len(self._segments)):
            other = self._segments[due]
            if other.place > last:
                return
            wanted = needs(other) if due == number + 1 else weight_needs(other)
            pinned += wanted
            for need in wanted:
                # Behind something that has to wait, nothing may take its lines.
                if need.memory not in full and not self._fetch(number, due, need, pinned):
                    full.add(need.memory)

    def _fetch(self, number: int, due: int, need: Need, pinned: Collection[Need]) -> bool:
        """Collect the loads of what a segment needs; return whether there is room."""
        memory, segment = self._memories[need.memory], self._segments[due]
        if memory.find(need) is not None:
            return True
        blocked: list[range] = []
        if need.memory is Place.ACTIVATIONS:
            blocked = [*self._kept_lines(self._segments[number]), *self._kept_lines(segment)]
        line = memory.place(need, pinned, blocked, patient=due != number)
        if line is None:
            return False
        after = self._rows_stored(due) if need.memory is Place.ACTIVATIONS else 0
        pieces = self._chunks_until(number, 0, due)
        self._pending += [
            _Piece(due, need, line, after, load)
            for load in self._loads.load(need, segment, line, pieces)
        ]
        return True

    def _chunks_until(self, number: int, place: int, due: int) -> int:
        """Return how many chunks are left before a segment begins."""
        between = self._segments[number:due]
        return sum(len(segment.chunks()) for segment in between) - place

    def _emit_share(self, number: int, place: int) -> None:
        """Emit a chunk's share of the loads that are pending, the most urgent first."""
        for due in sorted({piece.due for piece in self._pending}):
            mine = [piece for piece in self._pending if piece.due == due]
            share = -(-len(mine) // self._chunks_until(number, place, due))
            ready = [piece for piece in mine if piece.after <= place][:share]
            self._emit(ready)

    def _emit(self, pieces: Sequence[_Piece]) -> None:
        for piece in pieces:
            # Something more urgent may have been given its lines since.
            if self._memories[piece.need.memory].find(piece.need) == piece.line:
                self._program.append(piece.load)
        emitted = {id(piece) for piece in pieces}
        self._pending = [piece for piece in self._pending if id(piece) not in emitted]

    def _complete(self, number: int, wanted_later: list[Need]) -> None:
        """Emit all that a segment still needs; what is loaded for later may have to give way."""
        segment = self._segments[number]
        self._emit([piece for piece in self._pending if piece.due == number])
        own = needs(segment)
        for need in own:
            room = self._fetch(number, number, need, own + wanted_later)
            if not room and not self._fetch(number, number, need, own):
                raise SnnError(f"{need} does not fit beside what else its segment needs")
        self._emit([piece for piece in self._pending if piece.due == number])

    def _kept_lines(self, segment: Segment) -> list[range]:
        """Return the activation lines of images that are on chip during a segment."""
        one, found = segment.planned, []
        if one.kept_image:
            found.append(one.image_lines)
        if one.kept_result:
            found.append(one.result_lines)
        return found

    def _rows_stored(self, number: int) -> int:
        """Return after how many chunks of the segment before it a segment's rows are in DRAM."""
        segment = self._segments[number]
        if number == 0:
            return 0
        before = self._segments[number - 1]
        if segment.planned.layer.image != before.planned.layer.name:
            return 0
        rows = segment.planned.geometry.loaded_rows(segment.first, segment.tiles)
        tiles = -(-rows.stop * segment.planned.layer.width // self._hardware.pixels)
        left = min(tiles, before.first + before.tiles) - before.first
        return max(0, -(-left // before.planned.tiling.chunk))

    # ------------------------------------------------------------------ computing

    def _compute(self, segment: Segment) -> None:
        geometry, layer = segment.planned.geometry, segment.planned.layer
        if self._shaped != segment.place:
            self._shaped = segment.place
            self._program.append(_shape(segment.planned))
        pixel = segment.first * self._hardware.pixels
        position = {
            "line": self._image_line(segment),
            "blocks": geometry.blocks,
            "y": pixel // layer.out_width,
            "x": pixel % layer.out_width,
            "count": min(segment.tiles * self._hardware.pixels, layer.count - pixel),
        }
        groups = segment.outputs // self._hardware.adders
        index_line = self._line(index_need(segment))
        subset = subset_need(segment)
        if subset is None:
            self._program.append(
                instruction(BINARY_CONV, kernel_line=index_line, groups=groups, **position)
            )
            return
        self._program += [
            instruction(RESPOND, subset=self._line(subset), kernels=layer.kernels, **position),
            instruction(
                GATHER,
                line=index_line,
                groups=groups,
                blocks=geometry.blocks,
                tiles=segment.tiles,
                sign=layer.tau if layer.negation else 0,
            ),
        ]

    def _line(self, need: Need) -> int:
        line = self._memories[need.memory].find(need)
        assert line is not None, f"{need} was loaded"
        return line

    def _image_line(self, segment: Segment) -> int:
        """Return the line of row 0, which for a band lies before the first that is loaded."""
        need = image_need(segment)
        if need is None:
            return segment.planned.image_lines.start
        rows = segment.planned.geometry.loaded_rows(segment.first, segment.tiles)
        above = (rows.start >> 2) * segment.planned.layer.width
        return (self._line(need) - above) & _LINE_MASK


def _shape(one: PlannedLayer) -> Instruction:
    layer = one.layer
    return instruction(
        SHAPE,
        window=layer.window,
        stride=layer.stride,
        pad_top=layer.pads[0],
        pad_left=layer.pads[1],
        height=layer.height,
        width=layer.width,
        out_width=layer.out_width,
        pitch=one.tiling.pitch,
        parts=0 if layer.subset is None else len(layer.subset) - 1,
    )
