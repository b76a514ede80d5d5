"""When each engine worked at which instruction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....errors import SnnError
from ..isa.encoding import Instruction
from ..isa.fields import Engine
from .rtl import Counters


@dataclass(frozen=True)
class Span:
    """One instruction on one engine, from the cycle in which it began to that in which it left."""

    place: int
    """Of the instruction in its program."""
    engine: Engine
    begins: int
    ends: int
    counters: Counters | None = None
    """As they stood when it left; None where nothing was counted."""


def spans_of(program: Sequence[Instruction], events: np.ndarray) -> list[Span]:
    """Return what engines did in a run, from :attr:`RtlSimulator.events`, in the order of ends.

    Raises SnnError where the events are not those of the program.
    """
    waiting = {
        engine: [place for place, one in enumerate(program) if engine in one.opcode.engines]
        for engine in Engine
    }
    begun: dict[Engine, int] = {}
    taken = dict.fromkeys(Engine, 0)
    spans = []
    for begins, leaves, *values in events.tolist():
        counters = Counters(*values)
        for engine in Engine:
            if leaves >> engine & 1:
                place = waiting[engine][taken[engine]]
                spans.append(Span(place, engine, begun[engine], counters.cycles, counters))
                taken[engine] += 1
            if begins >> engine & 1:
                begun[engine] = counters.cycles
    if any(taken[engine] != len(waiting[engine]) for engine in Engine):
        raise SnnError("The run did not end, or ran another program")
    return spans
