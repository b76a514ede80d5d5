"""The rows of layers as tables: cycles, what engines did in them, the ratios that matter."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from ...target.vta.configuration import Configuration
from ..table import Table
from .runs import LayerRow
from .stacks import BNN, KINDS, NEGATION, TAU5

ALL = "all"
GOALS = {
    ("resnet18", TAU5.name): 3.8,
    ("resnet34", TAU5.name): 4.3,
    ("resnet18", NEGATION.name): 6.0,
    ("resnet34", NEGATION.name): 6.4,
}
"""How many times faster than BNN mode a stack with signs between layers should be."""

UTILISATION_GOAL = 0.85
"""Of the cycles of a stack, those in which the busier engine of the layer should work."""


@dataclass(frozen=True)
class Run:
    """All rows of one network and one kind of weights."""

    network: str
    trunk: bool
    kind: str
    rows: tuple[LayerRow, ...]

    @property
    def cycles(self) -> int:
        """The cycles of the whole stack."""
        return sum(row.cycles for row in self.rows)


def runs_of(rows: Iterable[LayerRow]) -> list[Run]:
    """Return the rows run by run."""
    found: dict[tuple[str, bool, str], list[LayerRow]] = {}
    for row in rows:
        found.setdefault((row.network, row.trunk, row.kind), []).append(row)
    return [Run(*key, tuple(layers)) for key, layers in found.items()]


def tables_of(rows: Sequence[LayerRow], hardware: Configuration) -> list[Table]:
    """Return all tables of a report."""
    runs = runs_of(rows)
    stacks = list(dict.fromkeys((run.network, run.trunk) for run in runs))
    tables = [_goals(runs)] if any(run.kind == BNN.name for run in runs) else []
    for network, trunk in stacks:
        mine = [run for run in runs if (run.network, run.trunk) == (network, trunk)]
        tables.append(_cycles(_title(network, trunk), mine))
        if all(row.counted for run in mine for row in run.rows):
            tables.append(_engines(_title(network, trunk), mine))
    tables.append(_times(runs, hardware))
    return tables


def utilisation(rows: Iterable[LayerRow]) -> float:
    """Return in which part of the cycles the engine worked that has more to do in its layer."""
    counted = [row.counted for row in rows if row.counted is not None]
    busy = sum(max(one.responding, one.gathering) for one in counted)
    return busy / max(1, sum(one.cycles for one in counted))


def _title(network: str, trunk: bool) -> str:
    return f"{network}, {'residual trunk in DRAM' if trunk else 'signs between layers'}"


def _goals(runs: Sequence[Run]) -> Table:
    table = Table(
        "Over BNN mode on the same hardware",
        ["", "cycles", "BNN mode", "ratio", "goal", "reached", "busier engine", "goal", "reached"],
        note="The busier engine: the part of the cycles in which it worked, layer by layer.",
    )
    base = {(run.network, run.trunk): run for run in runs if run.kind == BNN.name}
    for run in runs:
        other = base.get((run.network, run.trunk))
        if other is None or run.kind == BNN.name:
            continue
        ratio = other.cycles / run.cycles
        goal = None if run.trunk else GOALS.get((run.network, run.kind))
        used = utilisation(run.rows)
        table.rows.append(
            [
                f"{_title(run.network, run.trunk)}: {run.kind}",
                *(f"{run.cycles:,}", f"{other.cycles:,}", f"{ratio:.2f}"),
                *(("", "") if goal is None else (f"{goal:.1f}", _verdict(ratio >= goal))),
                *(
                    (f"{used:.1%}", f"{UTILISATION_GOAL:.0%}", _verdict(used >= UTILISATION_GOAL))
                    if used
                    else ("", "", "")
                ),
            ]
        )
    return table


def _verdict(reached: bool) -> str:
    return "yes" if reached else "no"


def _cycles(title: str, runs: Sequence[Run]) -> Table:
    """Return cycles layer by layer, stage by stage, and the ratios to BNN mode."""
    base = next((run for run in runs if run.kind == BNN.name), None)
    header = [""]
    for run in runs:
        header += [run.kind, *(["ratio"] if base and run is not base else []), "of bound"]
    note = "*Of bound*: how near it is to what the engine with most to do takes with no lane idle."
    table = Table(f"{title}: cycles", header, note=note)
    for name, places in _groups(runs[0].rows):
        cells = [name]
        for run in runs:
            cycles = sum(run.rows[place].cycles for place in places)
            least = sum(run.rows[place].bound for place in places)
            cells.append(f"{cycles:,}")
            if base and run is not base:
                cells.append(f"{sum(base.rows[place].cycles for place in places) / cycles:.2f}")
            cells.append(f"{least / cycles:.1%}")
        table.rows.append(cells)
    return table


def _engines(title: str, runs: Sequence[Run]) -> Table:
    """Return what the engines did, and why they stood still, in percent of the cycles."""
    table = Table(
        f"{title}: engines, % of the cycles",
        [
            *("", "busier", "response", "gather", "ALU", "words read", "words written"),
            *("response: no windows", "no slot", "gather: no responses", "no bank"),
        ],
        note="The last four: an engine has work, but no windows or responses to begin with, or "
        "no room for what it would make. BNN mode gathers from the windows themselves.",
    )
    columns = (
        *("responding", "gathering", "finishing", "words_read", "words_written"),
        *("response_without_window", "response_without_slot"),
        *("gather_without_source", "gather_without_bank"),
    )
    for run in runs:
        stages = [group for group in _groups(run.rows) if len(group[1]) > 1]
        for name, places in stages:
            rows = [run.rows[place] for place in places]
            cells = [f"{run.kind}, {name}", f"{utilisation(rows):.1%}"]
            for column in columns:
                counted = sum(asdict(row.counted)[column] for row in rows if row.counted)
                cells.append(f"{counted / sum(row.cycles for row in rows):.1%}")
            table.rows.append(cells)
    return table


def _groups(rows: Sequence[LayerRow]) -> list[tuple[str, list[int]]]:
    """Return the places of each layer, of each stage's layers after them, and of all."""
    found: list[tuple[str, list[int]]] = []
    stages = dict.fromkeys(row.stage for row in rows)
    for stage in stages:
        places = [place for place, row in enumerate(rows) if row.stage == stage]
        found += [(rows[place].layer, [place]) for place in places]
        found.append((f"stage {stage}", places))
    return [*found, (ALL, list(range(len(rows))))]


def _times(runs: Sequence[Run], hardware: Configuration) -> Table:
    table = Table(
        f"Time of a stack, were the clock {hardware.clock_mhz:g} MHz",
        ["", *[kind.name for kind in KINDS]],
        note="The clock is an assumption; nothing was placed or routed on this device. "
        "Milliseconds of the 3x3 layers alone.",
    )
    for network, trunk in dict.fromkeys((run.network, run.trunk) for run in runs):
        own = {run.kind: run for run in runs if (run.network, run.trunk) == (network, trunk)}
        cells = [
            f"{own[kind.name].cycles / hardware.clock_mhz / 1e3:.3f}" if kind.name in own else ""
            for kind in KINDS
        ]
        table.rows.append([_title(network, trunk), *cells])
    return table
