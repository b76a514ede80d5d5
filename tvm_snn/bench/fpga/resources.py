"""What a configuration takes of an FPGA, and its clock on one that can be routed, as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ...target.vta.configuration import Configuration
from ...target.vta.placement import DEVICE, Placement
from ...target.vta.resources import XC7Z020, Resources
from ...target.vta.simulator.verilated import parameters
from ..table import Table

_TOP = "accelerator"
_SHOWN = 0.02  # of all lookup tables: smaller modules are left out


@dataclass(frozen=True)
class ModuleRow:
    """A module with those within it, as yosys synthesises it."""

    module: str
    parameters: Mapping[str, int]
    """Of the whole configuration, but for its identity."""
    cells: Mapping[str, int]


def module_rows(
    hardware: Configuration, modules: Mapping[str, Mapping[str, int]]
) -> list[ModuleRow]:
    """Return a row for each synthesised module."""
    given = {name: value for name, value in parameters(hardware).items() if name != "IDENTITY"}
    return [ModuleRow(name, given, dict(sorted(cells.items()))) for name, cells in modules.items()]


def top_cells(rows: Sequence[ModuleRow]) -> Mapping[str, int]:
    """Return the cells of the whole configuration."""
    return next(row.cells for row in rows if row.module == _TOP)


def resource_tables(hardware: Configuration, rows: Sequence[ModuleRow]) -> list[Table]:
    """Return what the whole takes of an xc7z020, and what its parts take."""
    whole = Resources.of(top_cells(rows))
    device = Table(
        f"Resources of {hardware.name}",
        ["", "used", "xc7z020", ""],
        note="By yosys (`synth_xilinx -family xc7`), modules kept apart; not placed, not routed.",
    )
    for label, field in (("LUT", "lut"), ("FF", "ff"), ("BRAM36", "bram36"), ("DSP", "dsp")):
        taken, there = asdict(whole)[field], asdict(XC7Z020)[field]
        device.rows.append(
            [label, f"{taken:,.10g}", f"{there:,.10g}", f"{100 * taken / there:.1f} %"]
        )
    parts = Table(
        "By module, with what lies within it",
        ["", "LUT", "FF", "BRAM36", "DSP"],
        note=f"Modules of at least {_SHOWN:.0%} of the LUTs, each counted once.",
    )
    for row in sorted(rows, key=lambda row: -Resources.of(row.cells).lut):
        used = Resources.of(row.cells)
        if row.module != _TOP and used.lut >= _SHOWN * whole.lut:
            cells = [used.lut, used.ff, used.bram36, used.dsp]
            parts.rows.append([_plain(row.module), *(f"{cell:,.10g}" for cell in cells)])
    return [device, parts] if parts.rows else [device]


def _plain(module: str) -> str:
    """Return a module's name without the parameters that yosys puts into it."""
    return next((part for part in module.split("\\") if part and not part.startswith("$")), module)


def clock_table(hardware: Configuration, placement: Placement) -> Table:
    """Return the clock and the cells on the FPGA that was routed."""
    table = Table(
        f"{hardware.name} on {DEVICE}: a stand-in for FPGAs without an open router",
        ["", ""],
        note="yosys and nextpnr, out of context, one seed. It says nothing of an xc7z020's clock.",
    )
    table.rows.append(["Fmax, MHz", f"{placement.fmax_mhz:.1f}"])
    for cell, (used, there) in placement.used.items():
        table.rows.append([cell, f"{used:,} of {there:,} ({used / there:.0%})"])
    return table
