"""What was measured: one row a contender, and the questions that the tables ask of rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .timing import Timing

OURS = "tvm_snn"
WITHOUT_AMX = " without AMX"
"""Part of a kind, as in "int8 without AMX, ReLU"."""
_USES_AMX = "OpenVINO"


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


def of_kind(rows: Iterable[Row], kind: str) -> list[Row]:
    """Return the rows of a kind, and those of another kind that hold for it as well.

    int8 without AMX: only OpenVINO makes use of AMX. onnxruntime is as fast where the system
    refuses it.
    """
    own = select(rows, kind=kind)
    plain, _, suffix = kind.partition(WITHOUT_AMX)
    if not own or WITHOUT_AMX not in kind:
        return own
    return own + [row for row in select(rows, kind=plain + suffix) if row.engine != _USES_AMX]


def fastest(rows: Iterable[Row]) -> Row | None:
    """Return the row with the shortest median time, or None if there is no row."""
    return min(rows, key=lambda row: row.time, default=None)


def distinct(rows: Iterable[Any], field: str) -> list[Any]:
    """Return the values that a field has, in the order of their first appearance."""
    return list(dict.fromkeys(getattr(row, field) for row in rows))
