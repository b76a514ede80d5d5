"""One run of the benchmark: what is measured, and where the results go."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ..errors import SnnError
from .cases import Case
from .goals import goals_table, ratios_of
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
from .results import read_rows, write_results
from .rows import Row, distinct, select
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
    resume: bool = False
    """Whether to keep the rows that the output folder has, and to measure the rest."""

    def run(self, console: Console) -> None:
        """Measure, print the tables and write the files: anew after each layer and each network.

        Raises VerificationError when a contender computes something wrong, SnnError when there is
        nothing to measure, the results cannot be written, or what is there does not fit.
        """
        if not self.layers and not self.networks:
            raise SnnError("There is nothing to measure: neither layers nor networks.")
        facts = machine()
        for name in missing():
            console.print(f"{name} is not installed and left out: pip install 'tvm_snn[bench]'")
        peers = installed()
        rows = []
        for part, measure in ((_LAYERS, self._layers), (_NETWORKS, self._networks)):
            there = read_rows(self.output, part.name, facts) if self.resume else []
            there = [row for row in there if row.subject in self._complete(there)]
            with _progress(console) as progress:
                for new in measure(peers, self._complete(there), progress):
                    there += new
                    self._write(part, facts, there)
            for table in part.tables(there):
                console.print(table.rich())
            rows += there
        ratios = ratios_of(rows)
        if ratios:
            console.print(goals_table(ratios).rich())
            write_results(self.output, "goals", facts, ratios, [goals_table(ratios)])
        for path in sorted(self.output.glob("*.md")):
            console.print(f"wrote {path}")

    def _write(self, part: "_Part", facts: Mapping[str, str], rows: Sequence[Row]) -> None:
        tables = [*part.tables(rows), part.everything(rows)]
        write_results(self.output, part.name, facts, rows, tables)

    def _complete(self, rows: Sequence[Row]) -> set[str]:
        """Return the layers or networks of which there are rows at every number of threads."""
        return {
            subject
            for subject in distinct(rows, "subject")
            if {*self.threads} <= {*distinct(select(rows, subject=subject), "threads")}
        }

    def _layers(
        self, peers: Sequence[Peer], known: Container[str], progress: Progress
    ) -> Iterator[list[Row]]:
        targets = bench_targets(self.target)
        kinds: Sequence[Kind] = KINDS
        if self.quick:
            targets = dict(list(targets.items())[:1])
            kinds = _QUICK_KINDS
        tuned = MetaSchedule(self.output / "metaschedule")
        if self.trials:
            tuned.tune(self.layers, self.trials, progress)
        everybody = [*peers, tuned]
        layers = [layer for layer in self.layers if layer.name not in known]
        return measure_layers(
            layers, targets, everybody, self.threads, self.rounds, progress, kinds
        )

    def _networks(
        self, peers: Sequence[Peer], known: Container[str], progress: Progress
    ) -> Iterator[list[Row]]:
        cases = [case for case in self.networks if case.name not in known]
        return measure_networks(cases, self.target, peers, self.threads, self.rounds, progress)


@dataclass(frozen=True)
class _Part:
    """Half of a run: the name of its files, and what they show."""

    name: str
    tables: Callable[[Sequence[Row]], list[Table]]
    everything: Callable[[Sequence[Row]], Table]


_LAYERS = _Part("layers", layer_tables, all_contenders)
_NETWORKS = _Part("networks", network_tables, all_engines)


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    progress = Progress(
        console=console, transient=True, refresh_per_second=2, disable=not console.is_terminal
    )
    with quiet(), progress:
        yield progress
