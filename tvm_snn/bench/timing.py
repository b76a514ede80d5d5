"""Interleaved timing: all contenders take turns, so that a slow moment of the machine hits all."""

import itertools
import statistics
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Protocol, TypeVar

from numpy.typing import NDArray
from rich.progress import Progress

_TURN, _WARM = 3e-3, 1e-3
"""Seconds of a contender's turn that are timed, and that it runs before."""
_BLOCKS, _BLOCK = 3, 5
"""Most blocks that the rounds are cut into, and the least rounds of one."""
_PATIENCE = 10.0
"""Seconds after which no round starts, once there were enough for a block."""

_Key = TypeVar("_Key", bound=Hashable)


class Timed(Protocol):
    """What can take its turn."""

    @property
    def kernel(self) -> str:
        """What the engine calls the kernel, where it says."""

    def turn(self, seconds: float) -> float:
        """Run for so long, at least once; return the median of the runs in microseconds."""

    def result(self) -> NDArray:
        """Return what the last run computed; for checks, never timed."""


@dataclass(frozen=True)
class Contender:
    """Something to be timed in this process."""

    run: Callable[[], object]
    """Does the work once."""
    result: Callable[[], NDArray]
    reported: Callable[[], float] | None = None
    """Microseconds of the last run by the engine's own account, taken in place of the clock's:
    where the way into the engine and out of it should not be charged to a single layer."""
    kernel: str = ""

    def turn(self, seconds: float) -> float:
        """Run for so long, at least once; return the median of the runs in microseconds."""
        runs: list[float] = []
        start = before = time.perf_counter()
        while before - start <= seconds or not runs:
            self.run()
            after = time.perf_counter()
            runs.append((after - before) * 1e6 if self.reported is None else self.reported())
            before = time.perf_counter()
        return statistics.median(runs)


@dataclass(frozen=True)
class Timing:
    """Microseconds of one contender: the best, the median, and the quartiles around it."""

    best: float
    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Timing":
        """Summarize the samples."""
        if len(samples) < 2:
            return cls(*[*samples] * 4)
        lower, median, upper = statistics.quantiles(samples, n=4)
        return cls(min(samples), median, lower, upper)

    @classmethod
    def sum(cls, timings: Iterable["Timing"]) -> "Timing":
        """Return the time of one after the other; its quartiles are the sums of theirs."""
        return cls(*(sum(parts) for parts in zip(*map(astuple, timings), strict=True)))


def interleaved(
    contenders: Mapping[_Key, Timed], rounds: int, progress: Progress, rest: float = 0.0
) -> dict[_Key, Timing]:
    """Time the contenders in turn, round after round, and return the timing of each.

    In its turn a contender first runs for a millisecond, so that it finds its own data in the
    caches, then until three have passed; the turn counts as the median of these runs. `rest`
    seconds of sleep come before each turn: idle threads of the engine before need them to stop
    spinning. Slow contenders get fewer rounds, but never fewer than a block.
    """
    samples: dict[_Key, list[float]] = {key: [] for key in contenders}
    task = progress.add_task("measuring", total=rounds)
    end = time.monotonic() + _PATIENCE
    for number in range(rounds):
        if number >= _BLOCK and time.monotonic() > end:
            break
        for key, contender in contenders.items():
            time.sleep(rest)
            contender.turn(_WARM)
            samples[key].append(contender.turn(_TURN))
        progress.advance(task)
    progress.remove_task(task)
    return {key: quietest(values) for key, values in samples.items()}


def quietest(samples: Sequence[float]) -> Timing:
    """Return the timing of that third of the rounds whose median is the shortest.

    Machines have slow spells that last longer than a round: other work on the same core, or on the
    other hardware thread of it that a virtual machine does not see.
    """
    blocks = max(1, min(_BLOCKS, len(samples) // _BLOCK))
    bounds = [len(samples) * block // blocks for block in range(blocks + 1)]
    timings = [Timing.of(samples[start:end]) for start, end in itertools.pairwise(bounds)]
    return min(timings, key=lambda timing: timing.median)
