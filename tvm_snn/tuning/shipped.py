"""Make the records that ship with this package: `python -m tvm_snn.tuning.shipped`.

They are for the networks of the zoo at batch 1, for processors with AVX-512 and for those with
AVX2 only. A machine with AVX-512 measures both. Layers are tuned alone first; what wins there is a
candidate. A candidate ships when it wins in a network that has its layer, too, and that network
gets no slower by those that ship. A run that was stopped goes on where it ended: what was
measured and the candidates are in a folder beside the records.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from ..compiler import Detected, detect, rewrite
from ..schedules.operation import Operation
from ..schedules.records import SHIPPED, Record, read_records, write_records
from ..target import Features
from ..zoo import ZOO, example_inputs
from .in_network import prove, used
from .run import make_setting, tune_tasks
from .session import Setting
from .tasks import Task, tasks_of

_TARGETS = {"avx512": "llvm -mcpu=sapphirerapids", "avx2": "llvm -mcpu=haswell"}
_CANDIDATES = "candidates"
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
    default=("W1A1",),
    show_default=True,
)
@click.option("--trials", default=24, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Time to search for each target; comparing what was found comes on top.  "
    "[default: no limit]",
)
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
    minutes: float | None,
    folder: Path,
) -> None:
    """Tune the layers of the zoo's networks, and ship records of what beats the cost model."""
    zoo = {
        f"{name} {kind} {f'tau {tau}' if tau else '1 bit'}": _detected(name, tau, kind)
        for kind, tau, name in track(
            list(product(activations, taus, networks)),
            "importing networks",
            console=Console(stderr=True),
        )
    }
    (folder / _CANDIDATES).mkdir(exist_ok=True)
    for name in targets:
        candidates = folder / _CANDIDATES / f"{name}.json"
        setting = make_setting(_TARGETS[name], candidates, "local", 1, 0)
        if minutes is not None:
            setting = replace(setting, patience=60 * minutes)
        tasks = merge(
            task
            for label, network in zoo.items()
            for task in _tasks(label, network, setting.features)
        )
        click.echo(tune_tasks(tasks, setting, trials))
        _ship(zoo, tasks, setting, folder / f"{name}.json")


def _ship(zoo: dict[str, Detected], tasks: Sequence[Task], setting: Setting, path: Path) -> None:
    """Prove the candidates in the networks, and write those that win beside the other records."""
    tuned = {task.operation.fingerprint for task in tasks}
    there = read_records(setting.work) if setting.work.exists() else ()
    records = [record for record in there if record.operation.fingerprint in tuned]
    proven: set[str] = set()
    for label, network in zoo.items():
        own = {r.operation.fingerprint for r in used(network, setting.target, records)}
        if own - proven:
            records = prune(label, network, records, setting)
            proven |= own
    others = [
        record
        for record in (read_records(path) if path.exists() else ())
        if record.operation.fingerprint not in tuned
    ]
    write_records(path, [*others, *records])
    click.echo(f"{len(records)} records ship in {path}")


def prune(
    label: str, network: Detected, records: Sequence[Record], setting: Setting
) -> list[Record]:
    """Return the records without those that lose in a network; says what each is worth there."""
    kept = list(records)
    while own := used(network, setting.target, kept):
        proof = prove(network, setting.target, own, setting.threads)
        losers = proof.losers
        for record in own:
            fingerprint = record.operation.fingerprint
            race = proof.layers[fingerprint]
            verdict = "dropped" if fingerprint in losers else "kept"
            click.echo(
                f"{label}: {record.strategy} {_sizes(record)}: {race.gain:.3f} times as fast in "
                f"the network (noise {race.noise:.3f}), {verdict}"
            )
        click.echo(f"{label}: all kernels {proof.whole.gain:.3f} times as fast")
        if not losers:
            break
        kept = [record for record in kept if record.operation.fingerprint not in losers]
    return kept


def _sizes(record: Record) -> str:
    """Return the shape of the data and the number of outputs, as in 1x2x56x56x1 to 64."""
    operands = record.operation.operands
    return f"{'x'.join(map(str, operands[0][1]))} to {operands[-1][1][0]}"


def _detected(name: str, tau: int, activations: str) -> Detected:
    model = ZOO[name].factory(tau=tau or None, activations=activations)
    return detect(model, example_inputs(name))


def _tasks(label: str, network: Detected, features: Features) -> list[Task]:
    found = tasks_of(rewrite(network, features))
    return [Task(task.operation, tuple(f"{label} {n}" for n in task.layers)) for task in found]


def merge(tasks: Iterable[Task]) -> list[Task]:
    """Return one task for each operation, with the layers of all."""
    layers: dict[Operation, tuple[str, ...]] = {}
    for task in tasks:
        layers[task.operation] = layers.get(task.operation, ()) + task.layers
    return [Task(operation, names) for operation, names in layers.items()]


if __name__ == "__main__":
    main()
