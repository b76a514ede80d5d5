"""The tables of the single layers."""

from collections.abc import Sequence

from .kernels import BINARY, KINDS
from .layers_of_resnet18 import LAYERS
from .peers import FLOAT32, INT8, INT8_WITHOUT_AMX
from .rows import OURS, Row, distinct, fastest, of_kind, select
from .sums import sixteen_convs
from .table import Table

_Column = tuple[str, list[Row]]
_TERMS = (
    "Everybody is timed for the convolution alone. Ours: the kernel, called directly, from packed "
    "signs, levels or float32 to float32 times the factor of each output; the codes of patches and "
    "the tables are made inside of it. OpenVINO: its own profile of the convolution's node, in "
    "whole microseconds: binary from packed signs to float32 without factors, int8 from uint8 to "
    "int8. "
    "Neither is charged for packing signs, which the layer before does. onnxruntime: a run of a "
    "session with its operands bound; PyTorch: a call; both have no clock for less. TVM: the "
    "function, called directly. A time is the median of that third of the rounds in which it is "
    "the shortest. Other engines use what the processor has, whatever our target."
)


def layer_tables(rows: Sequence[Row]) -> list[Table]:
    """Return one table for each target and number of threads: the fastest of every kind."""
    targets = [target for target in distinct(rows, "target") if target]
    return [
        _overview(select(rows, threads=threads), target, threads)
        for threads in distinct(rows, "threads")
        for target in targets
    ]


def all_contenders(rows: Sequence[Row]) -> Table:
    """Return the table of everything that was measured."""
    header = ["layer", "kind", "contender", "threads", "us", "quartiles", "best"]
    table = Table("Every contender", header, note="* is what a compiled network gets.")
    for row in rows:
        name = f"{row.engine} {row.kernel}".strip() + (f", {row.target}" if row.target else "")
        timing = row.microseconds
        table.rows.append(
            [
                row.subject,
                row.kind,
                name + " *" * row.chosen,
                str(row.threads),
                f"{timing.median:.0f}",
                f"{timing.lower:.0f} to {timing.upper:.0f}",
                f"{timing.best:.0f}",
            ]
        )
    return table


def _overview(rows: Sequence[Row], target: str, threads: int) -> Table:
    columns = _columns(rows, target)
    table = Table(
        f"Layers, {target}, {_threads(threads)}: microseconds of the fastest, and which it is",
        ["layer", *(name for name, _ in columns)],
        note=_TERMS,
    )
    for layer in LAYERS:
        if select(rows, subject=layer):
            cells = [_cell(fastest(select(own, subject=layer))) for _, own in columns]
            table.rows.append([layer, *cells])
    sums = [sixteen_convs(own) for _, own in columns]
    if any(sums):
        cells = ["" if total is None else f"{total.median:.0f}" for total in sums]
        table.rows.append(["all 16", *cells])
    return table


def _columns(rows: Sequence[Row], target: str) -> list[_Column]:
    ours = [(kind.name, select(rows, kind=kind.name, target=target)) for kind in KINDS]
    others = [
        (f"{kind}, others", [row for row in of_kind(rows, kind) if row.engine != OURS])
        for kind in (BINARY.name, INT8, INT8_WITHOUT_AMX, FLOAT32)
    ]
    return [(name, own) for name, own in (*ours, *others) if own]


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{row.time:.0f} {row.kernel if row.engine == OURS else row.engine}"


def _threads(threads: int) -> str:
    return "one thread" if threads == 1 else f"{threads} threads"
