"""Which data lies in which lines of a memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ....errors import SnnError
from .needs import Need


@dataclass
class _Resident:
    need: Need
    lines: range
    used: int


class Residency:
    """The lines of one memory, and what was put there last."""

    def __init__(self, name: str, lines: int, appointed: Mapping[Need, int] | None = None) -> None:
        """Begin with an empty memory. What is `appointed` to a first line is put there."""
        self._name, self._lines, self._appointed = name, lines, appointed or {}
        self._residents: list[_Resident] = []
        self._clock = 0

    def find(self, need: Need) -> int | None:
        """Return the first line of what is resident, or None."""
        for one in self._residents:
            if one.need == need:
                self._clock += 1
                one.used = self._clock
                return one.lines.start
        return None

    def place(
        self,
        need: Need,
        pinned: Collection[Need],
        blocked: Collection[range] = (),
        patient: bool = False,
    ) -> int | None:
        """Give lines to `need` and return the first; what was there is forgotten.

        What is `pinned` keeps its lines, and `blocked` lines are left alone; returns None where
        nothing else is left, or, if `patient`, where the appointed lines are not free yet. Raises
        SnnError for what is larger than the memory.
        """
        if need.lines > self._lines:
            raise SnnError(f"{need.lines} lines of {need} in {self._lines} {self._name} lines")
        taken = [one.lines for one in self._residents if one.need in pinned] + list(blocked)
        if need in self._appointed:
            first = self._appointed[need]
            lines = range(first, first + need.lines)
            if not any(_meet(lines, one) for one in taken):
                return self._take(need, lines)
            if patient:
                return None
        edges = {0, self._lines - need.lines}
        for held in blocked:
            edges |= {held.stop, held.start - need.lines}
        best = None
        for first in edges | {one.lines.stop for one in self._residents}:
            lines = range(first, first + need.lines)
            if first < 0 or lines.stop > self._lines or any(_meet(lines, one) for one in taken):
                continue
            # At the ends first, so that two of up to half the memory always fit.
            age = max((one.used for one in self._residents if _meet(one.lines, lines)), default=0)
            rank = (first not in edges, age, first)
            best = rank if best is None else min(best, rank)
        if best is None:
            return None
        return self._take(need, range(best[2], best[2] + need.lines))

    def _take(self, need: Need, lines: range) -> int:
        self.forget(lines)
        self._clock += 1
        self._residents.append(_Resident(need, lines, self._clock))
        return lines.start

    def forget(self, lines: range) -> None:
        """Drop what lies in some lines: they are written."""
        self._residents = [one for one in self._residents if not _meet(one.lines, lines)]


def appointments(needs: Sequence[Need], lines: int) -> dict[Need, int]:
    """Return a first line for each of the needs of a memory, given in their order.

    From the last to the first, each lies before the one that follows it, and at the end of the
    memory where there is no room left: what follows one another overlaps only where it must. Last
    layers have the most weights, so it is they that nothing may lie in the way of.
    """
    found: dict[Need, int] = {}
    end = lines
    for need in reversed(dict.fromkeys(needs)):
        end = end - need.lines if end >= need.lines else lines - need.lines
        found[need] = end
    return found


def _meet(some: range, others: range) -> bool:
    return some.start < others.stop and others.start < some.stop
