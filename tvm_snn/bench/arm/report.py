"""What was counted, as rows and tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from ..layers_of_resnet18 import LAYERS
from ..table import Table
from .kernels import FLOAT, FLOAT_BITS, INT8, KINDS, POPCOUNT, Counted
from .machines import MACHINES, Machine
from .model import Estimate
from .networks import FLOAT_FORM, FORMS, POPCOUNT_FORM, CountedNetwork

_NOTE = (
    "Cycles are llvm-mca's, not a board's: its model of the processor times each block of "
    "instructions, and qemu counted how often each runs. Branches that are mispredicted are not in "
    "it"
)
_OF_NETWORK = "The last column is the sum over the binary convolutions of ResNet-18."


@dataclass(frozen=True)
class Taken:
    """What something took on a processor: counted and modelled."""

    instructions: int
    computing: int | None
    """Cycles by llvm-mca."""
    lines: int | None
    """Lines that the simulated first cache lacked."""
    cycles: int | None
    """All cycles, those for the lines among them."""

    @classmethod
    def of(cls, estimate: Estimate) -> "Taken":
        """Round an estimate."""
        return cls(
            estimate.instructions,
            None if estimate.computing is None else round(estimate.computing),
            estimate.lines,
            None if estimate.cycles is None else round(estimate.cycles),
        )


@dataclass(frozen=True)
class NetworkRow:
    """A network on a processor."""

    cpu: str
    network: str
    form: str
    taken: Taken

    @classmethod
    def of(cls, machine: Machine, counted: CountedNetwork) -> "NetworkRow":
        """Make the row of what was counted."""
        return cls(machine.cpu, counted.network, counted.form.name, Taken.of(counted.estimate))

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "NetworkRow":
        """Make the row of what a file has for it."""
        return cls(**data | {"taken": Taken(**data["taken"])})


@dataclass(frozen=True)
class Row:
    """One way to compute a layer on a processor."""

    cpu: str
    layer: str
    kind: str
    way: str
    chosen: bool
    taken: Taken

    @classmethod
    def of(cls, machine: Machine, layer: str, counted: Counted) -> "Row":
        """Make the row of what was counted."""
        names = counted.kind, counted.way, counted.chosen
        return cls(machine.cpu, layer, *names, Taken.of(counted.estimate))

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Row":
        """Make the row of what a file has for it."""
        return cls(**data | {"taken": Taken(**data["taken"])})

    @property
    def name(self) -> str:
        """The row as tables write it."""
        return f"{self.kind}, {self.way}" if self.way else self.kind

    @property
    def work(self) -> int:
        """3x3 contributions of an input channel to an output, (o,c): 9 products each."""
        layer = LAYERS[self.layer]
        return layer.channels * layer.outputs * (layer.size // layer.stride) ** 2


def tables(rows: Sequence[Row]) -> list[Table]:
    """Return the tables of each processor."""
    result = []
    for cpu in dict.fromkeys(row.cpu for row in rows):
        own = [row for row in rows if row.cpu == cpu]
        machine = MACHINES[cpu]
        if machine.modelled_by is not None:
            result += _modelled(machine, own)
        result.append(_instructions(machine, own))
    return result


def network_tables(rows: Sequence[NetworkRow]) -> list[Table]:
    """Return the table of each processor."""
    return [
        _network_table(MACHINES[cpu], [row for row in rows if row.cpu == cpu])
        for cpu in dict.fromkeys(row.cpu for row in rows)
    ]


def _network_table(machine: Machine, rows: Sequence[NetworkRow]) -> Table:
    """Return what whole networks take on a processor, next to their forms with 1-bit weights."""
    header = ["", "million instructions", "fewer than counting bits", "fewer than dense float32"]
    modelled = machine.modelled_by is not None
    if modelled:
        header += ["million cycles", "faster than counting bits", "faster than dense float32"]
    table = Table(f"{_title(machine)}: networks", header, note=_network_note(machine))
    of_form = {(row.network, row.form): row.taken for row in rows}
    forms = [form.name for form in FORMS]
    for row in sorted(rows, key=lambda row: (row.network, forms.index(row.form))):
        cells = [f"{row.network}, {row.form}"]
        for what in ("instructions", "cycles")[: 2 if modelled else 1]:
            number = getattr(row.taken, what)
            cells.append(f"{number / 1e6:.2f}")
            for form in (POPCOUNT_FORM, FLOAT_FORM):
                other = of_form.get((row.network, form.name))
                cells.append(f"{getattr(other, what) / number:.2f}" if other else "")
        table.rows.append(cells)
    return table


def _network_note(machine: Machine) -> str:
    counted = (
        "Instructions of one inference as a C program, one thread, counted by qemu; no board was "
        "measured. The whole network: float stem, shortcuts and classifier are in it."
    )
    return counted if machine.modelled_by is None else f"{counted} {_NOTE}; nor are caches."


def _modelled(machine: Machine, rows: Sequence[Row]) -> list[Table]:
    """Return the tables of cycles: with what the first cache lacks, if known, and without."""
    note = _note(machine)
    if machine.cache is None:
        return [_speeds(machine, rows, _all, "", note), _ratios(machine, rows, _all, "", note)]
    alone = f"{_NOTE}, and all data are in the first cache."
    cached = "all data in the first cache"
    return [
        _speeds(machine, rows, _all, "", note),
        _ratios(machine, rows, _all, "", note),
        _speeds(machine, rows, _computing, f", {cached}", alone),
        _ratios(machine, rows, _computing, f", {cached}", alone),
        _lines(machine, rows),
    ]


def _note(machine: Machine) -> str:
    if machine.cache is None:
        return f"{_NOTE}; nor are caches."
    cache = machine.cache
    return (
        f"{_NOTE}. The first cache, of {cache.bytes // 1024} KB, is simulated: a line that it "
        f"lacks adds {cache.line_cycles:.0f} cycles, which are assumed."
    )


def _all(taken: Taken) -> int:
    assert taken.cycles is not None, "processors with a model have cycles"
    return taken.cycles


def _computing(taken: Taken) -> int:
    assert taken.computing is not None, "processors with a model have cycles"
    return taken.computing


def _speeds(
    machine: Machine, rows: Sequence[Row], cycles: Callable[[Taken], int], what: str, note: str
) -> Table:
    model = f" (model of the {machine.modelled_by})" if machine.modelled_by else ""
    title = f"{_title(machine)}: (o,c) a cycle{model}{what}"
    note = f"{note} * marks what a compiled network gets."
    return _by_layer(
        title,
        rows,
        note,
        lambda row: f"{row.work / cycles(row.taken):.2f}" + (" *" if row.chosen else ""),
    )


def _instructions(machine: Machine, rows: Sequence[Row]) -> Table:
    title = f"{_title(machine)}: millions of instructions"
    note = "Counted by qemu; they say nothing about time. * marks what a compiled network gets."
    return _by_layer(
        title,
        rows,
        note,
        lambda row: f"{row.taken.instructions / 1e6:.2f}" + (" *" if row.chosen else ""),
    )


def _lines(machine: Machine, rows: Sequence[Row]) -> Table:
    title = f"{_title(machine)}: thousands of lines that the first cache lacks"
    note = "Counted in a simulation of the cache, under qemu, when the layer runs a second time."
    return _by_layer(
        title,
        rows,
        note,
        lambda row: f"{(row.taken.lines or 0) / 1e3:.1f}",
    )


def _by_layer(title: str, rows: Sequence[Row], note: str, cell: Callable[[Row], str]) -> Table:
    """Return a table of ways and layers."""
    layers = _layers(rows)
    table = Table(title, ["", *layers], note=note)
    for name in dict.fromkeys(row.name for row in rows):
        found = {row.layer: row for row in rows if row.name == name}
        table.rows.append([name, *(cell(found[at]) if at in found else "" for at in layers)])
    return table


def _ratios(
    machine: Machine, rows: Sequence[Row], cycles: Callable[[Taken], int], what: str, note: str
) -> Table:
    """Return how many times faster the chosen kernels are, layer by layer and for the network."""
    layers = _layers(rows)
    title = f"{_title(machine)}: chosen kernels{what}"
    table = Table(title, ["", *layers, "ResNet-18"], note=f"{note} {_OF_NETWORK}")
    for name, kind, other in _compared():
        mine = {row.layer: row for row in rows if row.kind == kind and row.chosen}
        theirs = {row.layer: row for row in rows if row.name == other}
        if not all(layer in mine and layer in theirs for layer in layers):
            continue
        pairs = [(cycles(theirs[at].taken), cycles(mine[at].taken)) for at in layers]
        cells = [f"{slow / fast:.2f}" for slow, fast in pairs]
        counts = [LAYERS[at].count for at in layers]
        sums = [
            fsum(count * pair[way] for count, pair in zip(counts, pairs, strict=True))
            for way in (0, 1)
        ]
        whole = f"{sums[0] / sums[1]:.2f}" if len(layers) == len(LAYERS) else ""
        table.rows.append([name, *cells, whole])
    return table


def _compared() -> list[tuple[str, str, str]]:
    """Return what is compared: the line's name, our kind, and the row that it is compared with."""
    signs = [kind for kind in KINDS if kind.bits == 1]
    levels = [kind for kind in KINDS if 1 < kind.bits < FLOAT_BITS]
    floats = [kind for kind in KINDS if kind.bits == FLOAT_BITS]
    return [
        *((f"{kind.name} over {POPCOUNT}", kind.name, POPCOUNT) for kind in signs),
        *((f"{kind.name} over {INT8}", kind.name, INT8) for kind in (*signs[:2], *levels)),
        *(
            (f"{kind.name} over dense float32", kind.name, f"{floats[0].name}, {FLOAT}")
            for kind in floats
        ),
    ]


def _title(machine: Machine) -> str:
    return f"{machine.cpu} ({machine.boards})"


def _layers(rows: Sequence[Row]) -> list[str]:
    return [name for name in LAYERS if name in {row.layer for row in rows}]
