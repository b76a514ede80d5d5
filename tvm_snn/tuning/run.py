"""The main path of tuning: search, compare, write down what wins."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tvm.target import Target

from ..compiler import detect, rewrite
from ..errors import RecordsError, TargetError, TuningError
from ..progress import phase
from ..schedules.records import Record, read_records, write_records
from ..target import (
    TargetLike,
    extensions_of,
    features_of,
    host_extensions,
    host_processor,
    parse_target,
)
from ..threads import usable_cores
from ..version import __version__
from .builder import Builders
from .finals import Final, compare
from .result import TunedLayer, TuningResult
from .runners import Comparer, parse_place
from .session import Found, Setting, search
from .space import Point
from .tasks import Task, tasks_of

_PACKAGES = ("apache-tvm", "xgboost")


def run(
    model: Any,
    target: TargetLike,
    example_inputs: Sequence[Any] | None,
    records: str | Path,
    trials: int,
    runner: str,
    threads: int,
    seed: int,
) -> TuningResult:
    """Do what :func:`tvm_snn.tune` says."""
    setting = make_setting(target, records, runner, threads, seed)
    with phase("importing the model"):
        tasks = tasks_of(rewrite(detect(model, example_inputs), setting.features))
    if not tasks:
        raise TuningError(
            "The model has no binary or sub-bit layer, so there is nothing to tune. "
            "`tvm_snn.inspect(model)` says for each layer why not."
        )
    return tune_tasks(tasks, setting, trials)


def make_setting(
    target: TargetLike, records: str | Path, runner: str, threads: int, seed: int
) -> Setting:
    """Check everything that can be wrong before the work starts; see :func:`tvm_snn.tune`."""
    parsed = parse_target(target)
    place = parse_place(runner)
    if threads < 1:
        raise TuningError(f"Kernels run on 1 thread or more, not on {threads}.")
    path = Path(records)
    if path.exists():
        read_records(path)
    elif not path.parent.is_dir():
        raise RecordsError(f"Cannot write {path}: there is no folder {path.parent}.")
    if place.tracker is None:
        _check_runs_here(parsed)
    return Setting(parsed, features_of(parsed), place, threads, usable_cores(), path, seed)


def tune_tasks(tasks: Sequence[Task], setting: Setting, trials: int) -> TuningResult:
    """Tune layers; see :func:`tvm_snn.tune`."""
    if trials < 1:
        raise TuningError(f"A layer takes 1 measurement or more, not {trials}.")
    try:
        found = search(tasks, trials, setting)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Stopped. What was measured is kept beside {setting.work}: the same call goes on "
            "from there."
        ) from None
    if not any(one.seconds for one in found):
        raise TuningError(
            f"Nothing was measured: all {sum(len(one.failures) for one in found)} attempts "
            f"failed. The first: {next((c for one in found for c in one.failures), 'none')}"
        )
    with ExitStack() as stack:
        builders = stack.enter_context(Builders(setting.target, setting.workers))
        comparer = stack.enter_context(
            Comparer(setting.place, setting.threads, setting.requirements)
        )
        layers = []
        for number, (task, one) in enumerate(zip(tasks, found, strict=True), 1):
            with phase(f"comparing with the cost model's choice: {number} of {len(tasks)} layers"):
                layers.append(_finish(task, one, builders, comparer, setting))
    return TuningResult(setting.work, str(setting.target), tuple(layers))


def _finish(
    task: Task, found: Found, builders: Builders, comparer: Comparer, setting: Setting
) -> TunedLayer:
    """Compare the best of a task with the default, and write or take away its record."""
    measured, failures = len(found.seconds), tuple(found.failures)
    if not measured:
        cause = next(iter(found.failures), "the time was over before its turn")
        return TunedLayer(task, 0, None, f"not measured: {cause}", failures)
    others, earlier = _records_of_others(task, setting)
    try:
        final = compare(
            task.operation,
            found.seconds,
            Point(earlier.strategy, tuple(sorted(earlier.config.items()))) if earlier else None,
            builders,
            comparer,
            setting,
        )
    except TuningError as error:
        return TunedLayer(task, measured, None, str(error), failures, found.seconds)
    kept = [_record(task, final, setting)] if final.wins else []
    if kept or earlier:
        write_records(setting.work, [*others, *kept])
    return TunedLayer(task, measured, final, failures=failures, seconds=found.seconds)


def _records_of_others(task: Task, setting: Setting) -> tuple[list[Record], Record | None]:
    """Return the records that are in the file, and the one for this very task apart."""
    there = read_records(setting.work) if setting.work.exists() else ()
    key = task.operation.fingerprint, setting.features
    own = [record for record in there if record.key == key]
    return [record for record in there if record.key != key], own[0] if own else None


def _record(task: Task, final: Final, setting: Setting) -> Record:
    place = setting.place
    record = Record(
        operation=task.operation,
        features=setting.features,
        strategy=final.best.strategy,
        config=final.best.config,
        microseconds=round(final.microseconds, 2),
        default_strategy=final.default.strategy,
        default_microseconds=round(final.default_microseconds, 2),
        target=str(setting.target),
        threads=setting.threads,
        processor=host_processor() if place.tracker is None else place.description,
        date=datetime.now(UTC).date().isoformat(),
        versions={"tvm_snn": __version__, **{name: version(name) for name in _PACKAGES}},
    )
    fault = record.fault()
    if fault is not None:
        raise TuningError(f"The record of {task.name} {fault}.")
    return record


def _check_runs_here(target: Target) -> None:
    missing = sorted(extensions_of(target) - host_extensions())
    if missing:
        raise TargetError(
            f"The target uses {', '.join(missing)}, which this machine lacks, so it cannot measure "
            "for it. Tune over RPC (a runner rpc://host:port/key) on a machine that has them."
        )
