"""What a configuration takes of an FPGA, as yosys synthesises it for Xilinx 7 series.

Nothing is placed or routed: the numbers say whether a configuration fits, not how fast it will be.
placement.py places and routes, for another FPGA.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import SnnError
from .configuration import Configuration
from .isa.describe import as_system_verilog
from .simulator.verilated import RTL, parameters

_LUTS = {
    **{f"LUT{inputs}": 1 for inputs in range(1, 7)},
    # Vivado puts inverters into the tables behind them; counted here, as yosys leaves them.
    "INV": 1,
    "SRL16E": 1,
    "SRLC32E": 1,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM32M": 4,
    "RAM64M": 4,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
}
"""Lookup tables of each cell."""

_REGISTERS = ("FDRE", "FDSE", "FDCE", "FDPE")
_BLOCK_RAMS = {"RAMB36E1": 1.0, "RAMB18E1": 0.5}


@dataclass(frozen=True)
class Resources:
    """Lookup tables, flip-flops, block RAMs of 36 Kbit, DSP slices."""

    lut: float
    ff: float
    bram36: float
    dsp: float

    @staticmethod
    def of(cells: Mapping[str, int]) -> "Resources":
        """Count the cells of a synthesised design, by type. Raises SnnError for a memory that is
        made of cells that are not known here.
        """
        unknown = [name for name in cells if name.startswith("RAM") and name not in _LUTS]
        unknown = [name for name in unknown if name not in _BLOCK_RAMS]
        if unknown:
            raise SnnError(f"Synthesis made memories of unknown cells: {unknown}")
        return Resources(
            lut=sum(count * _LUTS.get(name, 0) for name, count in cells.items()),
            ff=sum(cells.get(name, 0) for name in _REGISTERS),
            bram36=sum(count * _BLOCK_RAMS.get(name, 0.0) for name, count in cells.items()),
            dsp=cells.get("DSP48E1", 0),
        )


XC7Z020 = Resources(lut=53_200, ff=106_400, bram36=140, dsp=220)
"""The FPGA of the PYNQ-Z2."""


def elaborate(hardware: Configuration, folder: Path) -> None:
    """Have yosys read a configuration's RTL; `folder` is for constants and the log.

    Raises SnnError where it cannot.
    """
    run_yosys([*elaboration(hardware, folder), "proc", "check -assert"], folder)


def synthesize(hardware: Configuration, folder: Path) -> dict[str, dict[str, int]]:
    """Return the cells of each module, by type, with those of the modules within it.

    `folder` is for constants and the log; several minutes for a large configuration. Modules are
    kept apart, so logic is not simplified across their borders. Raises SnnError when yosys fails.
    """
    statistics = folder / "statistics.json"
    flow = [
        "synth_xilinx -family xc7 -top accelerator -noiopad",
        f"tee -q -o {statistics} stat -json",
    ]
    run_yosys([*elaboration(hardware, folder), *flow], folder)
    text = statistics.read_text()
    return _with_submodules(json.loads(text[text.index("{") :])["modules"])


def elaboration(hardware: Configuration, folder: Path) -> list[str]:
    """Return the passes that make yosys read a configuration; `folder` is for constants."""
    (folder / "isa.svh").write_text(as_system_verilog())
    sources = " ".join(map(str, sorted(RTL.glob("*.sv"))))
    given = " ".join(f"-set {name} {value}" for name, value in parameters(hardware).items())
    return [
        f"read_verilog -sv -defer -I{folder} {sources}",
        f"chparam {given} accelerator",
        "hierarchy -check -top accelerator",
    ]


def run_yosys(passes: list[str], folder: Path) -> None:
    """Run passes in a process of its own; the log goes to `folder`. Raises SnnError on failure."""
    if find_spec("pyosys") is None:
        raise SnnError('Estimating resources takes yosys: pip install "tvm_snn[fpga]"')
    program = (
        "import sys, json\nfrom pyosys import libyosys\ndesign = libyosys.Design()\n"
        "for step in json.loads(sys.argv[1]):\n    libyosys.run_pass(step, design)\n"
    )
    log = folder / "yosys.log"
    with log.open("w") as output:
        done = subprocess.run(
            [sys.executable, "-c", program, json.dumps(passes)],
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        end = "\n".join(log.read_text().splitlines()[-20:])
        raise SnnError(f"yosys failed with status {done.returncode}:\n{end}")


def _with_submodules(modules: dict[str, dict[str, Any]]) -> dict[str, dict[str, int]]:
    # Yosys puts a backslash before names that are not its own, not everywhere.
    own = {
        name.removeprefix("\\"): {
            cell.removeprefix("\\"): times for cell, times in module["num_cells_by_type"].items()
        }
        for name, module in modules.items()
    }
    whole: dict[str, dict[str, int]] = {}

    def count(name: str) -> dict[str, int]:
        if name not in whole:
            total: dict[str, int] = {}
            for cell, times in own[name].items():
                inside = count(cell) if cell in own else {cell: 1}
                for kind, number in inside.items():
                    total[kind] = total.get(kind, 0) + times * number
            whole[name] = total
        return whole[name]

    for name in own:
        count(name)
    return whole
