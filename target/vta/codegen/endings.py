"""When instructions have ended at the latest, if a program is executed in its order.

RESP, GATH and BCONV end when ALU has taken the last of their tiles: two at most wait for it. All
other instructions end before the next begins.
"""

from collections import deque
from collections.abc import Sequence

from ..configuration import Configuration
from ..isa.encoding import Instruction
from ..isa.fields import Engine
from ..isa.instruction_set import ALU, BINARY_CONV, GATHER, RESPOND


def tiles_of(one: Instruction, hardware: Configuration) -> int:
    """Return how many tiles RESP, GATH or BCONV makes for ALU; 0 for all others."""
    if one.opcode is GATHER:
        return one["tiles"]
    if one.opcode in (RESPOND, BINARY_CONV):
        return -(-one["count"] // hardware.pixels)
    return 0


class Endings:
    """What has ended so far, engine by engine."""

    def __init__(self, hardware: Configuration) -> None:
        """Begin before the program's first instruction."""
        self._hardware = hardware
        self._ends: dict[Engine, list[int]] = {engine: [] for engine in Engine}
        # By engine: of its instructions that have not ended, the tiles that ALU has yet to take.
        self._open: dict[Engine, deque[int]] = {engine: deque() for engine in Engine}

    def add(self, place: int, one: Instruction) -> None:
        """Hear of the next instruction, at `place` in the program."""
        for engine in one.opcode.engines:
            self._open[engine].append(tiles_of(one, self._hardware))
        for engine, tiles in self._open.items():
            if one.opcode is ALU:
                _take(tiles, one["tiles"])
            while tiles and not tiles[0]:
                tiles.popleft()
                self._ends[engine].append(place)

    def of(self, engine: Engine) -> Sequence[int]:
        """Return where in the program each of an engine's instructions has ended, as far as so.

        Instructions of an engine end in their order.
        """
        return self._ends[engine]


def _take(left: deque[int], tiles: int) -> None:
    """Take so many tiles from what is left, the oldest first."""
    for place, count in enumerate(left):
        taken = min(count, tiles)
        left[place] -= taken
        tiles -= taken
