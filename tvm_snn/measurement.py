"""Measuring a network where it runs: whole runs and kernels, and the conditions meanwhile."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .conditions import Conditions, conditions

KernelObserver = Callable[[str, bool, Sequence[Any]], None]
"""Called before (True) and after (False) each kernel, with its name and arguments."""


@dataclass(frozen=True)
class Times:
    """Measured seconds of a network, and the conditions before and after."""

    whole: tuple[float, ...]
    """Of whole runs."""
    kernels: tuple[tuple[float, ...], ...]
    """Of the kernel calls, in order; one tuple for each of further runs."""
    before: Conditions
    after: Conditions


def measure(
    run: Callable[[], object], observe: Callable[[KernelObserver], object], runs: int
) -> Times:
    """Measure `runs` whole runs, then the kernels in as many, after one run that warms up.

    The kernels are measured in runs of their own, because measuring costs time too.
    """
    run()
    before = conditions()
    whole = tuple(_seconds(run) for _ in range(runs))
    kernels = tuple(kernel_seconds(observe) for _ in range(runs))
    return Times(whole, kernels, before, conditions())


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def kernel_seconds(observe: Callable[[KernelObserver], object]) -> tuple[float, ...]:
    """Run once and return the seconds of each kernel call in order."""
    durations: list[float] = []
    started = 0.0

    def observer(_function: str, before: bool, _arguments: Sequence[Any]) -> None:
        nonlocal started
        if before:
            started = time.perf_counter()
        else:
            durations.append(time.perf_counter() - started)

    observe(observer)
    return tuple(durations)
