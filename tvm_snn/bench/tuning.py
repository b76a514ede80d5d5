"""What tuning finds for ResNet-18: every measured point of each layer against the default.

`python -m tvm_snn.bench.tuning` tunes the 3x3 layers of ResNet-18 on one thread as `tvm-snn tune`
does, for this machine and for AVX2, and keeps the time of every point. No record is shipped of it:
that is `tvm_snn.tuning.shipped`.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from tvm.target import Target

from ..compiler import detect, rewrite
from ..schedules.operation import Operation
from ..target import Features
from ..tuning.finals import Final
from ..tuning.result import TunedLayer
from ..tuning.run import make_setting, tune_tasks
from ..tuning.space import regions_of
from ..tuning.tasks import tasks_of
from ..zoo import ZOO, example_inputs
from .layers_of_resnet18 import Layer
from .machine import machine
from .options import output_option
from .quiet import quiet
from .results import write_results
from .table import Table
from .targets import HOST, bench_targets

_NETWORK = "resnet18"


@dataclass(frozen=True)
class TunedSpace:
    """The measured points of a layer."""

    target: str
    layer: str
    """As in 64-128@56/2."""
    count: int
    """How often the network has it."""
    space: int
    """Points that there are."""
    default: str
    """What the cost model chooses."""
    microseconds: dict[str, float]
    """Of each point that was measured in the search, the fastest first."""
    fastest: str
    """The point that won when the fastest few ran in turns with the default."""
    warm: float
    """How many times as fast as the default it is there, in the median, when it has just run."""
    cold: float
    """The same after other work has taken its place in the caches."""
    noise: float
    """How far from 1 a ratio of equals can be."""
    kept: bool
    """Whether it is faster by more than that, warm and cold."""

    @property
    def ratios(self) -> list[float]:
        """How many times as fast as the default the other points are, the fastest first."""
        own = self.microseconds.get(self.default, math.nan)
        return [own / time for point, time in self.microseconds.items() if point != self.default]


def tuned_spaces(name: str, target: Target, records: Path, trials: int) -> list[TunedSpace]:
    """Tune the layers of ResNet-18 for a target, which the tables call by a name.

    Raises TuningError when nothing could be measured.
    """
    model = ZOO[_NETWORK].factory(tau=5, activations="W1A1")
    setting = make_setting(target, records, "local", 1, 0)
    tasks = tasks_of(rewrite(detect(model, example_inputs(_NETWORK)), setting.features))
    result = tune_tasks(tasks, setting, trials)
    return [_space(name, row, row.final, setting.features) for row in result.layers if row.final]


def _space(name: str, row: TunedLayer, final: Final, features: Features) -> TunedSpace:
    points = sorted(row.seconds, key=row.seconds.__getitem__)
    return TunedSpace(
        name,
        _sizes(row.task.operation),
        len(row.task.layers),
        sum(len(list(region.points())) for region in regions_of(row.task.operation, features)),
        str(final.default),
        {str(point): round(row.seconds[point] * 1e6, 2) for point in points},
        str(final.best),
        round(final.warm.gain, 4),
        round(final.cold.gain, 4),
        round(max(final.warm.noise, final.cold.noise), 4),
        final.wins,
    )


def _sizes(operation: Operation) -> str:
    """Return a layer as the benchmarks write it; `operation` has one group."""
    _, _, size, _, _ = operation.operands[0][1]
    _, unit, _, _ = operation.operands[1][1]
    outputs, units = operation.operands[2][1]
    stride = dict(operation.attrs)["strides"][0]
    return Layer(units * unit, outputs, size, stride, 1).name


def spaces_table(spaces: Sequence[TunedSpace]) -> Table:
    """Return for each layer what the other points are, relative to the default."""
    table = Table(
        "Points of the 3x3 layers of ResNet-18, tau = 5, W1A1, one thread",
        [
            "layer",
            "target",
            "times in the network",
            "points",
            "measured",
            "the default, us",
            "best other",
            "median other",
            "worst other",
            "fastest in turns",
            "warm",
            "cold",
            "noise",
            "kept",
        ],
        note="Others are how many times as fast as the default, each timed alone in the search, "
        "one after the other. The fastest three of them then ran in turns with the default, warm "
        "and cold: a point is kept that is faster in both by more than 1.02 and by more than "
        "noise. Above 1 is faster than the cost model's choice.",
    )
    for space in spaces:
        ratios = space.ratios
        spread = (ratios[0], statistics.median(ratios), ratios[-1]) if ratios else ()
        is_default = space.fastest == space.default
        table.rows.append(
            [
                space.layer,
                space.target,
                str(space.count),
                str(space.space),
                str(len(space.microseconds)),
                f"{space.default} {space.microseconds.get(space.default, math.nan):.1f}",
                *(f"{ratio:.3f}" for ratio in spread),
                *[""] * (3 - len(spread)),
                "the default" if is_default else space.fastest,
                *(f"{gain:.3f}" for gain in (space.warm, space.cold, space.noise)),
                "yes" if space.kept else "no",
            ]
        )
    return table


@click.command("tuning")
@click.option("--trials", default=24, show_default=True, type=click.IntRange(min=1))
@output_option("tuning.json and tuning.md")
def main(trials: int, output: Path) -> None:
    """Tune the 3x3 layers of ResNet-18 on one thread, and keep all that was measured."""
    console = Console(markup=False, highlight=False)
    console.width = console.width if console.is_terminal else 160
    facts, spaces = machine(), []
    with TemporaryDirectory() as folder, quiet():
        for name, target in bench_targets(HOST).items():
            spaces += tuned_spaces(name, target, Path(folder) / f"{name}.json", trials)
            console.print(spaces_table(spaces).rich())
    for path in write_results(output, "tuning", facts, spaces, [spaces_table(spaces)]):
        console.print(f"wrote {path}")


if __name__ == "__main__":
    main()
