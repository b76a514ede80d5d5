"""How far the ratios of the goals vary from run to run: `python -m tvm_snn.bench.goal_runs`.

What the goals of layers ask for is compiled once and timed several times, all layers one after the
other, on one thread: runs differ by what the machine does at the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from .goals import Ratio, ratios_of
from .kernels import BINARY, FLOAT_DATA, PAIRS_32, PAIRS_64, SINGLE, Kind
from .layers import LayerKey, contenders_of, our_contenders, time_layer
from .layers_of_resnet18 import Layer, layers_named
from .machine import machine
from .options import output_option
from .peers import Peer, installed
from .quiet import quiet
from .results import write_results
from .rows import distinct
from .table import Table
from .targets import HOST, bench_targets
from .timing import Timed

_KINDS: dict[str, tuple[Kind, ...]] = {
    "AVX-512": (SINGLE, PAIRS_64, PAIRS_32, BINARY, FLOAT_DATA),
    "AVX2": (SINGLE, BINARY),
}
_ROUNDS = 20


@dataclass(frozen=True)
class GoalRun:
    """A ratio in one run."""

    run: int
    what: str
    goal: float
    value: float
    """Of medians."""
    best: float
    """Of minima."""


def goal_runs(layers: Sequence[Layer], runs: int, rounds: int, progress: Progress) -> list[GoalRun]:
    """Time the layers again and again; raises VerificationError when a contender is wrong."""
    peers = installed()
    contenders = {layer: _contenders(layer, peers, progress) for layer in layers}
    found = []
    for run in range(1, runs + 1):
        rows = []
        for layer, own in contenders.items():
            rows += time_layer(layer, own, 1, rounds, progress)
        found += [_goal_run(run, ratio) for ratio in ratios_of(rows)]
    return found


def _contenders(layer: Layer, peers: Sequence[Peer], progress: Progress) -> dict[LayerKey, Timed]:
    contenders = contenders_of(peers, layer, 1)
    for name, target in bench_targets(HOST).items():
        contenders |= our_contenders(layer, {name: target}, _KINDS.get(name, ()), progress)
    return contenders


def _goal_run(run: int, ratio: Ratio) -> GoalRun:
    best = ratio.other.best / ratio.ours.best
    return GoalRun(run, ratio.what, ratio.goal, round(ratio.value, 3), round(best, 3))


def runs_table(found: Sequence[GoalRun]) -> Table:
    """Return the ratio of each goal, run by run."""
    runs = distinct(found, "run")
    table = Table(
        "Goals of layers, run by run: ResNet-18, tau = 5, one thread",
        ["", "goal", *(f"run {run}" for run in runs), *(f"best times, run {run}" for run in runs)],
        note="Ratios of medians, then of minima, each of the sixteen 3x3 layers. Of other engines, "
        "and of our own strategies, each layer counts by its fastest. The strategy chosen is that "
        "of the layer at which it loses most.",
    )
    for what in distinct(found, "what"):
        own = {each.run: each for each in found if each.what == what}
        table.rows.append(
            [
                what,
                f"{next(iter(own.values())).goal:.2f}",
                *(f"{own[run].value:.2f}" if run in own else "" for run in runs),
                *(f"{own[run].best:.2f}" if run in own else "" for run in runs),
            ]
        )
    return table


@click.command("goal-runs")
@click.option("--runs", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--rounds", default=_ROUNDS, show_default=True, type=click.IntRange(min=1))
@output_option("goal_runs.json and goal_runs.md")
def main(runs: int, rounds: int, output: Path) -> None:
    """Time the layers that the goals are about several times, and keep each run's ratios."""
    console = Console(markup=False, highlight=False)
    console.width = console.width if console.is_terminal else 160
    facts = machine()
    with quiet(), Progress(console=console, disable=not console.is_terminal) as progress:
        found = goal_runs(layers_named("all"), runs, rounds, progress)
    console.print(runs_table(found).rich())
    for path in write_results(output, "goal_runs", facts, found, [runs_table(found)]):
        console.print(f"wrote {path}")


if __name__ == "__main__":
    main()
