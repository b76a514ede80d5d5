"""The progress of tuning on a terminal: a line for each layer with the best time so far."""

from collections import deque
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .space import Point
from .tasks import Task

_SHOWN = 12
"""Layers that are shown at the same time: those that were measured last."""


class TuningProgress:
    """Bars on the error stream; nothing where that is no terminal."""

    def __init__(self, tasks: Sequence[Task], totals: Sequence[int]) -> None:
        """Prepare a bar for each task, of as many measurements as `totals` says at most."""
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[best]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._all = self._progress.add_task("all layers", total=sum(totals), best="")
        self._bars = [
            self._progress.add_task(
                escape(task.name), total=total, best="", start=False, visible=False
            )
            for task, total in zip(tasks, totals, strict=True)
        ]
        self._best: dict[int, float] = {}
        self._shown: deque[int] = deque()

    def __enter__(self) -> "TuningProgress":
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bars as they are."""
        self._progress.stop()

    def measured(self, task: int, point: Point, seconds: float) -> None:
        """Count a measurement."""
        if seconds < self._best.get(task, float("inf")):
            self._best[task] = seconds
            best = f"{seconds * 1e6:.1f} us  {point}"
            self._progress.update(self._bars[task], best=best)
        self._show(task)
        self._progress.advance(self._bars[task])
        self._progress.advance(self._all)

    def _show(self, task: int) -> None:
        if task in self._shown:
            return
        self._progress.start_task(self._bars[task])
        self._progress.update(self._bars[task], visible=True)
        self._shown.append(task)
        if len(self._shown) > _SHOWN:
            self._progress.update(self._bars[self._shown.popleft()], visible=False)
