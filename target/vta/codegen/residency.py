"""Which data lies in which lines of a memory."""

from collections.abc import Hashable, Set
from dataclasses import dataclass

from ....errors import SnnError


@dataclass
class _Resident:
    key: Hashable
    first: int
    end: int
    used: int


class Residency:
    """The lines of one memory, and what was put there last."""

    def __init__(self, name: str, lines: int) -> None:
        """Begin with an empty memory."""
        self._name, self._lines = name, lines
        self._residents: list[_Resident] = []
        self._clock = 0

    def find(self, key: Hashable) -> int | None:
        """Return the first line of what is resident, or None."""
        for one in self._residents:
            if one.key == key:
                self._clock += 1
                one.used = self._clock
                return one.first
        return None

    def place(self, key: Hashable, count: int, pinned: Set[Hashable]) -> int | None:
        """Give lines to `key` and return the first; what was there is forgotten.

        What is `pinned` keeps its lines; where nothing else is left, returns None.
        """
        if count > self._lines:
            raise SnnError(f"{count} lines of {key} in {self._lines} {self._name} lines")
        starts = {0} | {one.end for one in self._residents}
        starts |= {one.first - count for one in self._residents if one.first >= count}
        best = None
        for first in sorted(starts):
            if first + count > self._lines:
                continue
            met = [one for one in self._residents if one.first < first + count and first < one.end]
            if any(one.key in pinned for one in met):
                continue
            age = max((one.used for one in met), default=0)
            if best is None or age < best[0]:
                best = (age, first)
        if best is None:
            return None
        first = best[1]
        self._residents = [
            one for one in self._residents if one.end <= first or first + count <= one.first
        ]
        self._clock += 1
        self._residents.append(_Resident(key, first, first + count, self._clock))
        return first
