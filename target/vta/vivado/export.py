"""A folder from which Vivado builds a board's bitstream.

`python -m tvm_snn.target.vta.vivado.export --configuration pynq-z2 --output FOLDER` writes the
sources that the simulators run, the constants made of the instruction set, the configuration as
parameters, and build.tcl; then `vivado -mode batch -source FOLDER/build.tcl`.
"""

import argparse
import sys
from pathlib import Path

from ....errors import SnnError, TargetError
from ....files import replacing
from ..configuration import Configuration, load_configuration
from ..isa.describe import as_system_verilog
from ..simulator.verilated import parameters, rtl_sources

PART = "xc7z020clg400-1"
"""The FPGA of PYNQ-Z2, package and speed grade."""
PORT_BYTES = 8
"""Width of its high-performance ports to memory."""

_HERE = Path(__file__).parent
TOP = _HERE / "accelerator_axi.v"
"""The accelerator with the ports of a block design's cell."""


def export(hardware: Configuration, folder: Path) -> list[Path]:
    """Write what Vivado needs into a folder, made where it is not there; return the files.

    Raises TargetError for a configuration whose bus does not fit the board's memory ports.
    """
    if hardware.bus_bytes != PORT_BYTES:
        raise TargetError(
            f"Accelerator configuration {hardware.name!r} has a bus of {hardware.bus_bytes} bytes, "
            f"PYNQ-Z2's memory ports have {PORT_BYTES}"
        )
    rtl = {f"rtl/{path.name}": path.read_text() for path in rtl_sources()}
    rtl["rtl/isa.svh"] = as_system_verilog()
    texts = {
        **rtl,
        **{path.name: path.read_text() for path in (TOP, _HERE / "accelerator.xdc")},
        "build.tcl": (_HERE / "build.tcl").read_text(),
        "configuration.json": hardware.to_json(),
        "design.tcl": _design(hardware, [*rtl, TOP.name]),
    }
    (folder / "rtl").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            Path(temporary).write_text(text)
    return [folder / name for name in texts]


def _design(hardware: Configuration, sources: list[str]) -> str:
    values = parameters(hardware).items()
    return "\n".join(
        [
            f"# Made of the configuration {hardware.name}; do not edit.",
            f"set part {PART}",
            f"set clock_mhz {hardware.clock_mhz:g}",
            f"set sources {{{' '.join(sources)}}}",
            f"set parameters {{{' '.join(f'{name} {value}' for name, value in values)}}}",
            "",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the folder; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configuration", default="pynq-z2", help="its name, or a JSON file")
    parser.add_argument("--output", type=Path, required=True, help="the folder")
    given = parser.parse_args(arguments)
    try:
        export(load_configuration(given.configuration), given.output)
    except SnnError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"Now: vivado -mode batch -source {given.output / 'build.tcl'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
