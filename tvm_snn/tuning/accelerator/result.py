"""What tuning for the accelerator has found, as a table for people and as data for machines."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...printed import Printed
from ...target.vta.codegen.tiling import Cut


@dataclass(frozen=True)
class TunedTiling:
    """The outcome for one kind of layer."""

    layers: tuple[str, ...]
    """The region's layers that are cut so."""
    counted: int
    """Cuts of which the cycles were counted."""
    failures: tuple[str, ...]
    """Why the region has no program with other cuts, one by one."""
    default_cycles: int
    """Of the region, before."""
    cycles: int
    """Of the region, with the best cut."""
    best: Cut | None
    """What was written down; None where the estimated best is the best."""

    def data(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return asdict(self) | {"layers": list(self.layers), "kept": self.best is not None}


@dataclass(frozen=True)
class TilingResult(Printed):
    """The outcome of a run. `str()` of it is a table."""

    records: Path
    """The file that holds what was kept."""
    target: str
    counted_by: str
    """"rtl" or "model"."""
    layers: tuple[TunedTiling, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """What went wrong, layer by layer; empty when all went well."""
        return tuple(
            f"{', '.join(row.layers)}: no cut could be counted"
            for row in self.layers
            if not row.counted
        )

    @property
    def failures(self) -> tuple[str, ...]:
        """Cuts with which there is no program, layer by layer; others took their place."""
        return tuple(
            f"{', '.join(row.layers)}: {count} cut{'s' * (count > 1)} refused: {said}"
            for row in self.layers
            for said, count in Counter(row.failures).items()
        )

    def data(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        rows = [row.data() for row in self.layers]
        facts = {"records": str(self.records), "target": self.target}
        return {**facts, "counted_by": self.counted_by, "layers": rows}

    def print(self, console: Console) -> None:
        """Print the table, cuts that were refused, and the totals on a rich console."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title in ("layers", "counted", "refused", "region's cycles", "tuned", "cut"):
            table.add_column(title, justify="left" if title in ("layers", "cut") else "right")
        for row in self.layers:
            numbers = (row.counted, len(row.failures), f"{row.default_cycles:,}", f"{row.cycles:,}")
            table.add_row(escape(", ".join(row.layers)), *map(str, numbers), _words(row.best))
        console.print(table)
        for failure in self.failures:
            console.print(escape(failure), highlight=False)
        console.print(self.summary(), highlight=False)

    def summary(self) -> str:
        """Return the totals in one line."""
        kept = sum(row.best is not None for row in self.layers)
        where = f"; the tilings are in {self.records}" if kept else ""
        return (
            f"{kept} of {len(self.layers)} kinds of layers take fewer cycles "
            f"({'the RTL counts' if self.counted_by == 'rtl' else 'by the cycle model'}) than "
            f"with the tiling that is estimated to be best{where}"
        )


def _words(cut: Cut | None) -> str:
    if cut is None:
        return "as estimated"
    return ", ".join(f"{name} {value}" for name, value in asdict(cut).items())
