"""What a tuning run has found, as a table for people and as data for machines."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..printed import Printed
from .finals import Final
from .space import Point
from .tasks import Task


@dataclass(frozen=True)
class TunedLayer:
    """The outcome for one task."""

    task: Task
    measured: int
    """Points that were measured, in earlier runs too."""
    final: Final | None
    fault: str = ""
    """Why there is no final."""
    failures: tuple[str, ...] = ()
    """What went wrong with attempts that failed in this run, one by one."""
    seconds: Mapping[Point, float] = field(default_factory=dict)
    """Each point that was measured in the search, one after the other, not in turns."""

    @property
    def kept(self) -> bool:
        """Whether a record was written."""
        return self.final is not None and self.final.wins

    def data(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        row: dict[str, Any] = {
            "layers": list(self.task.layers),
            "operation": self.task.operation.data(),
            "measured": self.measured,
            "kept": self.kept,
            "fault": self.fault,
            "failures": list(self.failures),
            "points": {
                str(point): round(self.seconds[point] * 1e6, 2)
                for point in sorted(self.seconds, key=self.seconds.__getitem__)
            },
        }
        if self.final is not None:
            row |= {
                "default": str(self.final.default),
                "default_microseconds": self.final.default_microseconds,
                "best": str(self.final.best),
                "microseconds": self.final.microseconds,
            }
        return row


@dataclass(frozen=True)
class TuningResult(Printed):
    """The outcome of a run. `str()` of it is a table."""

    records: Path
    """The file that holds what was kept."""
    target: str
    layers: tuple[TunedLayer, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """What went wrong, layer by layer; empty when all went well."""
        return tuple(f"{row.task.name}: {row.fault}" for row in self.layers if row.fault)

    @property
    def failures(self) -> tuple[str, ...]:
        """Attempts that failed, layer by layer; where others took their place, all is well."""
        return tuple(
            f"{row.task.name}: {count} attempt{'s' * (count > 1)} failed: {said}"
            for row in self.layers
            for said, count in Counter(row.failures).items()
        )

    def data(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        rows = [row.data() for row in self.layers]
        return {"records": str(self.records), "target": self.target, "layers": rows}

    def print(self, console: Console) -> None:
        """Print the table, attempts that failed, and the totals on a rich console."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title in ("layer", "measured", "cost model's choice", "us", "best", "us", "outcome"):
            table.add_column(title, justify="right" if title in ("us", "measured") else "left")
        for row in self.layers:
            table.add_row(escape(row.task.name), str(row.measured), *map(escape, _cells(row)))
        console.print(table)
        for failure in self.failures:
            console.print(escape(failure), highlight=False)
        console.print(self.summary(), highlight=False)

    def summary(self) -> str:
        """Return the totals in one line."""
        kept = sum(row.kept for row in self.layers)
        where = f"; their records are in {self.records}" if kept else ""
        return f"{kept} of {len(self.layers)} layers are faster than the cost model's choice{where}"


def _cells(row: TunedLayer) -> list[str]:
    if row.final is None:
        return ["", "", "", "", row.fault]
    final = row.final
    default = [str(final.default), f"{final.default_microseconds:.1f}"]
    if final.best == final.default:
        return [*default, "", "", "the choice is the best measured"]
    gain = f"{final.default_microseconds / final.microseconds:.2f} times as fast"
    outcome = gain if row.kept else f"{gain}, within noise: no record"
    return [*default, str(final.best), f"{final.microseconds:.1f}", outcome]
