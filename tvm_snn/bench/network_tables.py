"""The tables of whole networks."""

from collections.abc import Sequence

from .networks import COMPILED, COMPILING, RELU
from .peers import FLOAT32, INT8, INT8_WITHOUT_AMX
from .rows import OURS, Row, distinct, fastest, of_kind, select
from .table import Table

_KINDS = (FLOAT32, INT8, INT8_WITHOUT_AMX)
_PEERS = (*_KINDS, *(kind + RELU for kind in _KINDS))
_NOTE = (
    "Whole calls, from numpy to numpy; times are medians in milliseconds, of that third of the "
    "rounds in which they are the shortest; in brackets, how many times faster ours is. ReLU: the "
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
    header = ["network", "compiled in, s", "tvm_snn", *(f"best {kind}" for kind in peers)]
    table = Table(title, header, note=_NOTE)
    for ours in select(rows, engine=OURS):
        what, _, version = ours.kind.partition(", ")
        if what != COMPILED:
            continue
        others = [fastest(of_kind(select(rows, subject=ours.subject), kind)) for kind in peers]
        compiling = fastest(select(rows, subject=ours.subject, kind=f"{COMPILING}, {version}"))
        table.rows.append(
            [
                f"{ours.subject}, {version}",
                "" if compiling is None else f"{compiling.time / 1e6:.0f}",
                _milliseconds(ours.time),
                *(_cell(other, ours) for other in others),
            ]
        )
    return table


def _cell(other: Row | None, ours: Row) -> str:
    if other is None:
        return ""
    return f"{_milliseconds(other.time)} {other.engine} ({other.time / ours.time:.2f})"


def _milliseconds(microseconds: float) -> str:
    return f"{microseconds / 1e3:.2f}"
