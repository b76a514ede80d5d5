"""What was counted, as rows and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from ..layers_of_resnet18 import LAYERS
from ..table import Table
from .kernels import FLOAT, INT8, KINDS, POPCOUNT, Counted
from .machines import MACHINES, Machine
from .networks import CountedNetwork

_NOTE = (
    "Cycles are llvm-mca's, not a board's: its model of the processor times each block of "
    "instructions, and qemu counted how often each runs. Caches and branches that are mispredicted "
    "are not in it."
)


@dataclass(frozen=True)
class NetworkRow:
    """A network on a processor."""

    cpu: str
    network: str
    instructions: int
    cycles: float | None


@dataclass(frozen=True)
class Row:
    """One way to compute a layer on a processor."""

    cpu: str
    layer: str
    kind: str
    way: str
    chosen: bool
    instructions: int
    cycles: float | None

    @classmethod
    def of(cls, machine: Machine, layer: str, counted: Counted) -> "Row":
        """Make the row of what was counted."""
        taken = counted.estimate
        cycles = None if taken.cycles is None else round(taken.cycles)
        names = counted.kind, counted.way, counted.chosen
        return cls(machine.cpu, layer, *names, taken.instructions, cycles)

    @property
    def name(self) -> str:
        """The row as tables write it."""
        return f"{self.kind}, {self.way}" if self.way else self.kind

    @property
    def speed(self) -> float | None:
        """3x3 contributions of an input channel to an output, (o,c), a cycle: 9 products each."""
        layer = LAYERS[self.layer]
        work = layer.channels * layer.outputs * (layer.size // layer.stride) ** 2
        return None if self.cycles is None else work / self.cycles


def tables(rows: Sequence[Row]) -> list[Table]:
    """Return the tables of each processor."""
    result = []
    for cpu in dict.fromkeys(row.cpu for row in rows):
        own = [row for row in rows if row.cpu == cpu]
        machine = MACHINES[cpu]
        if machine.wide:
            result += [_speeds(machine, own), _ratios(machine, own)]
        result.append(_instructions(machine, own))
    return result


def network_table(machine: Machine, counted: Sequence[CountedNetwork]) -> Table:
    """Return what whole networks take on a processor."""
    title = f"{_title(machine)}: networks"
    table = Table(title, ["", "million instructions", "million cycles"], note=_NOTE)
    for network in counted:
        taken = network.estimate
        cycles = "" if taken.cycles is None else f"{taken.cycles / 1e6:.1f}"
        table.rows.append([network.name, f"{taken.instructions / 1e6:.1f}", cycles])
    return table


def _speeds(machine: Machine, rows: Sequence[Row]) -> Table:
    model = f" (model of the {machine.modelled_by})" if machine.modelled_by else ""
    note = f"{_NOTE} * marks what a compiled network gets."
    table = Table(f"{_title(machine)}: (o,c) a cycle{model}", ["", *_layers(rows)], note=note)
    for name in dict.fromkeys(row.name for row in rows):
        table.rows.append([name, *(_speed(row) for row in _line(rows, name))])
    return table


def _instructions(machine: Machine, rows: Sequence[Row]) -> Table:
    title = f"{_title(machine)}: millions of instructions"
    table = Table(title, ["", *_layers(rows)], note="Counted by qemu; they say nothing about time.")
    for name in dict.fromkeys(row.name for row in rows):
        counts = [f"{row.instructions / 1e6:.2f}" if row else "" for row in _line(rows, name)]
        table.rows.append([name, *counts])
    return table


def _ratios(machine: Machine, rows: Sequence[Row]) -> Table:
    """Return how many times faster the chosen kernels are, layer by layer and for the network."""
    float_ = f"{KINDS[5].name}, {FLOAT}"
    compared = [
        (f"{kind.name} over {POPCOUNT}", kind.name, POPCOUNT) for kind in KINDS if kind.packed
    ]
    compared += [(f"{kind.name} over {INT8}", kind.name, INT8) for kind in KINDS[:2]]
    compared += [
        (f"{kind.name} over dense float32", kind.name, float_) for kind in KINDS if not kind.packed
    ]
    layers = _layers(rows)
    note = f"{_NOTE} The last column is the sum over the binary convolutions of ResNet-18."
    table = Table(f"{_title(machine)}: chosen kernels", ["", *layers, "ResNet-18"], note=note)
    for title, kind, other in compared:
        mine = {row.layer: row for row in rows if row.kind == kind and row.chosen}
        theirs = {row.layer: row for row in rows if row.name == other}
        if not all(layer in mine and layer in theirs for layer in layers):
            continue
        cells = [f"{_cycles(theirs[at]) / _cycles(mine[at]):.2f}" for at in layers]
        sums = [
            fsum(LAYERS[at].count * _cycles(way[at]) for at in layers) for way in (theirs, mine)
        ]
        whole = f"{sums[0] / sums[1]:.2f}" if len(layers) == len(LAYERS) else ""
        table.rows.append([title, *cells, whole])
    return table


def _title(machine: Machine) -> str:
    return f"{machine.cpu} ({machine.boards})"


def _layers(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.layer for row in rows))


def _line(rows: Sequence[Row], name: str) -> list[Row | None]:
    found = {row.layer: row for row in rows if row.name == name}
    return [found.get(layer) for layer in _layers(rows)]


def _speed(row: Row | None) -> str:
    if row is None or row.speed is None:
        return ""
    return f"{row.speed:.2f}" + (" *" if row.chosen else "")


def _cycles(row: Row) -> float:
    assert row.cycles is not None, "rows of 64-bit processors have cycles"
    return row.cycles
