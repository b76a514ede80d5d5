"""Sub-bit hardware next to hardware for binary convolutions only, at equal lookup tables.

Equal lanes are not equal hardware: a lane for binary convolutions has no response memory and no
adders that gather. Two configurations are compared by cycles times lookup tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ...target.vta.configuration import Configuration
from ...target.vta.resources import Resources
from ..table import Table
from .runs import LayerRow
from .stacks import BNN, KINDS, Kind
from .tables import Run, runs_of, utilisation

GOAL = 2.5
"""How many times faster sub-bit hardware should be than binary hardware of its size."""

_SUB_BIT_ONLY = ("response_engine", "response_file")
_TOP = "accelerator"


@dataclass(frozen=True)
class Side:
    """One of the configurations: what it takes, and the layers that ran on it."""

    configuration: str
    lut: float
    rows: tuple[LayerRow, ...]


def lookup_tables(modules: Mapping[str, Mapping[str, int]], binary_only: bool) -> float:
    """Return the lookup tables of a synthesised configuration.

    `binary_only`: without the modules that binary convolutions leave idle.
    """
    whole = Resources.of(modules[_TOP]).lut
    if not binary_only:
        return whole
    idle = [cells for name, cells in modules.items() if any(part in name for part in _SUB_BIT_ONLY)]
    return whole - sum(Resources.of(cells).lut for cells in idle)


def sub_bit_kinds(hardware: Configuration) -> list[Kind]:
    """Return the kinds of sub-bit weights for which a configuration has room."""
    return [
        kind
        for kind in KINDS
        if kind is not BNN
        and kind.kernels <= hardware.responses
        and kind.tau <= hardware.index_bits
    ]


def equal_lut_table(binary: Side, sub_bit: Side) -> Table:
    """Return the comparison, with what the engines waited for."""
    table = Table(
        f"{sub_bit.configuration} next to {binary.configuration}, at equal LUTs",
        [
            *("", "LUT", "cycles", "speed-up", "at equal LUTs", "goal", "reached"),
            *("over one that never stalls", "busier engine"),
            *("response: no windows", "no slot", "gather: no responses", "no bank"),
        ],
        note="At equal LUTs: the speed-up, divided by how many times as many LUTs there are; over "
        "binary hardware that never stalls: as if that took its bound, no lane ever idle. "
        f"{binary.configuration} is counted without {' and '.join(_SUB_BIT_ONLY)}, which binary "
        "convolutions leave idle.",
    )
    base = {run.network: run for run in runs_of(binary.rows)}
    for side in (binary, sub_bit):
        for run in runs_of(side.rows):
            other = base[run.network]
            speed_up = other.cycles / run.cycles
            equal = speed_up * binary.lut / side.lut
            verdict = ["", "", "", "", ""]
            if run is not other and side is sub_bit:
                reached = "yes" if equal >= GOAL else "no"
                bound = sum(row.bound for row in other.rows)
                strict = f"{equal * bound / other.cycles:.2f}"
                verdict = [f"{speed_up:.2f}", f"{equal:.2f}", f"{GOAL:.1f}", reached, strict]
            table.rows.append(
                [
                    f"{run.network}: {run.kind}",
                    *(f"{side.lut:,.0f}", f"{run.cycles:,}", *verdict, *_stalls(run)),
                ]
            )
    return table


def _stalls(run: Run) -> Sequence[str]:
    counted = [asdict(row.counted) for row in run.rows if row.counted is not None]
    if not counted:
        return [""] * 5
    names = (
        *("response_without_window", "response_without_slot"),
        *("gather_without_source", "gather_without_bank"),
    )
    parts = [sum(one[name] for one in counted) / run.cycles for name in names]
    return [f"{part:.1%}" for part in (utilisation(run.rows), *parts)]
