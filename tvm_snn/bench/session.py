"""One run of the benchmark: what is measured, and where the results go."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ..errors import SnnError
from .cases import Case
from .goals import Ratio, goals_table, ratios_of
from .kernels import BINARY, KINDS, PAIRS_64, SINGLE, Kind
from .layer_tables import all_contenders, layer_tables
from .layers import measure_layers
from .layers_of_resnet18 import Layer
from .machine import machine
from .network_tables import all_engines, network_tables
from .networks import measure_networks
from .peers import Peer, installed, missing
from .peers.metaschedule import MetaSchedule
from .quiet import quiet
from .results import write_results
from .rows import Row
from .table import Table
from .targets import bench_targets

_QUICK_KINDS = (SINGLE, PAIRS_64, BINARY)


@dataclass(frozen=True)
class Session:
    """What to measure."""

    layers: Sequence[Layer]
    networks: Sequence[Case]
    target: str
    threads: Sequence[int]
    rounds: int
    quick: bool
    """Fewer kinds of layers, and only the first target."""
    trials: int
    """MetaSchedule's, for each layer that it has no record of yet; 0 tunes nothing."""
    output: Path

    def run(self, console: Console) -> None:
        """Measure, print the tables and write the files.

        Raises VerificationError when a contender computes something wrong, SnnError when there is
        nothing to measure or the results cannot be written.
        """
        if not self.layers and not self.networks:
            raise SnnError("There is nothing to measure: neither layers nor networks.")
        facts = machine()
        for name in missing():
            console.print(f"{name} is not installed and left out: pip install 'tvm_snn[bench]'")
        peers = installed()
        rows = []
        if self.layers:
            with _progress(console) as progress:
                layers = self._measure_layers(peers, progress)
            rows += layers
            tables = layer_tables(layers)
            self._show(console, "layers", facts, layers, tables, all_contenders(layers))
        if self.networks:
            with _progress(console) as progress:
                networks = measure_networks(
                    self.networks, self.target, peers, self.threads, self.rounds, progress
                )
            rows += networks
            tables = network_tables(networks)
            self._show(console, "networks", facts, networks, tables, all_engines(networks))
        if ratios := ratios_of(rows):
            self._show(console, "goals", facts, ratios, [goals_table(ratios)])

    def _show(
        self,
        console: Console,
        name: str,
        facts: Mapping[str, str],
        rows: Sequence[Row | Ratio],
        tables: Sequence[Table],
        *only_written: Table,
    ) -> None:
        """Print tables and write the files called `name`."""
        for table in tables:
            console.print(table.rich())
        for path in write_results(self.output, name, facts, rows, [*tables, *only_written]):
            console.print(f"wrote {path}")

    def _measure_layers(self, peers: Sequence[Peer], progress: Progress) -> list[Row]:
        targets = bench_targets(self.target)
        kinds: Sequence[Kind] = KINDS
        if self.quick:
            targets = dict(list(targets.items())[:1])
            kinds = _QUICK_KINDS
        tuned = MetaSchedule(self.output / "metaschedule")
        if self.trials:
            tuned.tune(self.layers, self.trials, progress)
        everybody = [*peers, tuned]
        return measure_layers(
            self.layers, targets, everybody, self.threads, self.rounds, progress, kinds
        )


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    progress = Progress(
        console=console, transient=True, refresh_per_second=2, disable=not console.is_terminal
    )
    with quiet(), progress:
        yield progress
