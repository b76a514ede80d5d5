"""Interleaved timing: all contenders take turns, so that a slow moment of the machine hits all."""

import statistics
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import TypeVar

from numpy.typing import NDArray
from rich.progress import Progress

_TURN, _WARM = 3e-3, 1e-3
"""Seconds of a contender's turn that are timed, and that it runs before."""

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True)
class Contender:
    """Something to be timed."""

    run: Callable[[], object]
    """Does the work once."""
    result: Callable[[], NDArray]
    """Returns what the last run computed; for checks, never timed."""
    reported: Callable[[], float] | None = None
    """Microseconds of the last run by the engine's own account, taken in place of the clock's:
    where the way into the engine and out of it should not be charged to a single layer."""
    kernel: str = ""
    """What the engine calls the kernel, where it says."""


@dataclass(frozen=True)
class Timing:
    """Microseconds of one contender: the best, the median, and the quartiles around it."""

    best: float
    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, samples: list[float]) -> "Timing":
        """Summarize the samples."""
        if len(samples) < 2:
            return cls(*samples * 4)
        lower, median, upper = statistics.quantiles(samples, n=4)
        return cls(min(samples), median, lower, upper)

    @classmethod
    def sum(cls, timings: Iterable["Timing"]) -> "Timing":
        """Return the time of one after the other; its quartiles are the sums of theirs."""
        return cls(*(sum(parts) for parts in zip(*map(astuple, timings), strict=True)))


def interleaved(
    contenders: Mapping[_Key, Contender], rounds: int, progress: Progress, rest: float = 0.0
) -> dict[_Key, Timing]:
    """Time the contenders in turn, round after round.

    In its turn a contender first runs for a millisecond, so that it finds its own data in the
    caches, then until three have passed; the turn counts as the mean of these. `rest` seconds of
    sleep come before each turn: idle threads of the engine before need them to stop spinning.
    """
    samples: dict[_Key, list[float]] = {key: [] for key in contenders}
    task = progress.add_task("measuring", total=rounds)
    for _ in range(rounds):
        for key, contender in contenders.items():
            time.sleep(rest)
            _turn(contender, _WARM)
            samples[key].append(_turn(contender, _TURN))
        progress.advance(task)
    progress.remove_task(task)
    return {key: Timing.of(values) for key, values in samples.items()}


def _turn(contender: Contender, seconds: float) -> float:
    """Run for so long, at least once; return the mean of a run in microseconds."""
    calls, reported, start = 0, 0.0, time.perf_counter()
    while True:
        contender.run()
        calls += 1
        if contender.reported is not None:
            reported += contender.reported()
        passed = time.perf_counter() - start
        if passed > seconds:
            total = passed * 1e6 if contender.reported is None else reported
            return total / calls
