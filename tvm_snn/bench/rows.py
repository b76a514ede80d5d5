"""What was measured: one row a contender, and the questions that the tables ask of rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .timing import Timing

OURS = "tvm_snn"


@dataclass(frozen=True)
class Row:
    """The time of one contender."""

    subject: str
    """The layer or the network."""
    kind: str
    """What weights and data are, as in "SNN W1A1", "BNN W1A1", "int8", "float32"."""
    target: str
    """What our kernel was compiled for; empty for other engines."""
    engine: str
    kernel: str
    """The strategy, or the engine's own name of what it ran; may be empty."""
    chosen: bool
    """Whether it is the kernel that a compiled network gets."""
    threads: int
    microseconds: Timing

    @property
    def time(self) -> float:
        """The median in microseconds."""
        return self.microseconds.median


def select(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """Return the rows whose fields are as wanted."""
    return [row for row in rows if all(getattr(row, key) == wanted[key] for key in wanted)]


def fastest(rows: Iterable[Row]) -> Row | None:
    """Return the row with the shortest median time, or None if there is no row."""
    return min(rows, key=lambda row: row.time, default=None)


def distinct(rows: Iterable[Row], field: str) -> list[Any]:
    """Return the values that a field has, in the order of their first appearance."""
    return list(dict.fromkeys(getattr(row, field) for row in rows))
