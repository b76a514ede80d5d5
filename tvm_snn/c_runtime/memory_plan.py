"""Where in one block of memory each tensor lies, so that those in use at a time do not overlap."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .bare_kernels import ALIGNMENT
from .program import Value


@dataclass(frozen=True)
class Lifetime:
    """A tensor and the steps, from the first to the last, during which it is in use."""

    value: Value
    first: int
    last: int

    def meets(self, other: "Lifetime") -> bool:
        """Tell whether both are in use during some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets of tensors in a block of memory."""

    offsets: Mapping[Value, int]
    nbytes: int


def aligned(size: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def plan_memory(lifetimes: Iterable[Lifetime]) -> MemoryPlan:
    """Place tensors, the largest first, each in the lowest gap that is free while it is in use.

    This is greedy by size (Pisarchyk and Lee, "Efficient memory management for deep neural net
    inference", 2020).
    """
    placed: list[tuple[int, Lifetime]] = []
    # Equal networks get equal plans: among equals the order given decides.
    for wanted in sorted(lifetimes, key=lambda lifetime: -lifetime.value.nbytes):
        start = 0
        for offset, other in sorted(placed, key=lambda place: place[0]):
            if not wanted.meets(other):
                continue
            if start + wanted.value.nbytes <= offset:
                break
            start = max(start, offset + aligned(other.value.nbytes))
        placed.append((start, wanted))
    return MemoryPlan(
        offsets={lifetime.value: offset for offset, lifetime in placed},
        nbytes=max((offset + aligned(life.value.nbytes) for offset, life in placed), default=0),
    )
