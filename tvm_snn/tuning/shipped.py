"""Make the records that ship with this package: `python -m tvm_snn.tuning.shipped`.

They are for the networks of the zoo at batch 1, for processors with AVX-512 and for those with
AVX2 only. A machine with AVX-512 measures both. A run that was stopped goes on where it ended.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from ..compiler import detect, rewrite
from ..schedules.operation import Operation
from ..schedules.records import SHIPPED
from ..zoo import ZOO, example_inputs
from .run import make_setting, tune_tasks
from .tasks import Task, tasks_of

_TARGETS = {"avx512": "llvm -mcpu=sapphirerapids", "avx2": "llvm -mcpu=haswell"}
_ONE_BIT = 0


@click.command()
@click.option(
    "--target",
    "targets",
    type=click.Choice(list(_TARGETS)),
    multiple=True,
    default=list(_TARGETS),
    help="Which records to make; both unless said.",
)
@click.option(
    "--network", "networks", type=click.Choice(list(ZOO)), multiple=True, default=list(ZOO)
)
@click.option(
    "--tau",
    "taus",
    type=int,
    multiple=True,
    default=(5, 4, 6, _ONE_BIT),
    show_default=True,
    help="Bits of a kernel index; 0 for binary weights.",
)
@click.option(
    "--activations",
    type=click.Choice(["W1A1", "W1A32"]),
    multiple=True,
    default=("W1A1", "W1A32"),
    show_default=True,
)
@click.option("--trials", default=40, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=SHIPPED,
    help="Where to put the records; in this package unless said.",
)
def main(
    targets: Sequence[str],
    networks: Sequence[str],
    taus: Sequence[int],
    activations: Sequence[str],
    trials: int,
    folder: Path,
) -> None:
    """Tune the layers of the zoo's networks, and write records of what beats the cost model."""
    kinds = [(n, tau, kind) for kind in activations for tau in taus for n in networks]
    tasks = merge(
        task
        for name, tau, kind in track(kinds, "importing networks", console=Console(stderr=True))
        for task in _tasks(name, tau, kind)
    )
    for name in targets:
        setting = make_setting(_TARGETS[name], folder / f"{name}.json", "local", 1, 0)
        click.echo(tune_tasks(tasks, setting, trials))


def _tasks(name: str, tau: int, activations: str) -> list[Task]:
    model = ZOO[name].factory(tau=tau or None, activations=activations)
    label = f"{name} {activations} {f'tau {tau}' if tau else '1 bit'}"
    found = tasks_of(rewrite(detect(model, example_inputs(name))))
    return [Task(task.operation, tuple(f"{label} {n}" for n in task.layers)) for task in found]


def merge(tasks: Iterable[Task]) -> list[Task]:
    """Return one task for each operation, with the layers of all."""
    layers: dict[Operation, tuple[str, ...]] = {}
    for task in tasks:
        layers[task.operation] = layers.get(task.operation, ()) + task.layers
    return [Task(operation, names) for operation, names in layers.items()]


if __name__ == "__main__":
    main()
