"""The tables of whole networks."""

from collections.abc import Sequence

from .networks import RELU
from .peers import FLOAT32, INT8
from .rows import OURS, Row, distinct, fastest, select
from .table import Table

_PEERS = (FLOAT32, INT8, FLOAT32 + RELU, INT8 + RELU)
_NOTE = (
    "Times are medians in milliseconds; in brackets, how many times faster ours is. ReLU: the "
    "network with plain ReLU layers instead of what a binary network has around its convolutions."
)


def network_tables(rows: Sequence[Row]) -> list[Table]:
    """Return one table for each number of threads: ours next to the fastest of every kind."""
    return [
        _overview(select(rows, threads=threads), threads) for threads in distinct(rows, "threads")
    ]


def all_engines(rows: Sequence[Row]) -> Table:
    """Return the table of everything that was measured."""
    header = ["network", "engine", "threads", "ms", "quartiles", "best"]
    table = Table("Every engine", header)
    for row in rows:
        timing = row.microseconds
        table.rows.append(
            [
                row.subject,
                f"{row.engine}, {row.kind}",
                str(row.threads),
                _milliseconds(timing.median),
                f"{_milliseconds(timing.lower)} to {_milliseconds(timing.upper)}",
                _milliseconds(timing.best),
            ]
        )
    return table


def _overview(rows: Sequence[Row], threads: int) -> Table:
    title = "Networks, " + ("one thread" if threads == 1 else f"{threads} threads")
    peers = [kind for kind in _PEERS if select(rows, kind=kind)]
    header = ["network", "tvm_snn", *(f"best {kind}" for kind in peers)]
    table = Table(title, header, note=_NOTE)
    for ours in select(rows, engine=OURS):
        others = [fastest(select(rows, subject=ours.subject, kind=kind)) for kind in peers]
        name = f"{ours.subject}, {ours.kind.partition(', ')[2]}"
        cells = [_cell(other, ours) for other in others]
        table.rows.append([name, _milliseconds(ours.time), *cells])
    return table


def _cell(other: Row | None, ours: Row) -> str:
    if other is None:
        return ""
    return f"{_milliseconds(other.time)} {other.engine} ({other.time / ours.time:.2f})"


def _milliseconds(microseconds: float) -> str:
    return f"{microseconds / 1e3:.2f}"
