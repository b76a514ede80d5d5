"""A search over the spaces of some tasks, with MetaSchedule, and what it has measured."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tvm import s_tir
from tvm.ir.utils import derived_object
from tvm.s_tir import meta_schedule as ms
from tvm.s_tir.meta_schedule.measure_callback import PyMeasureCallback
from tvm.target import Target

from ..errors import TuningError
from ..link import GLIBC_FLOOR, crosses
from ..machine import Requirements
from ..target import Features
from ..tvm_api import without_tensor_intrinsics
from .builder import Builders, KernelBuilder
from .evaluate import NO_SERVER, WRONG_SERVER, last_line
from .features import PointFeatures
from .interrupt import Interrupt
from .progress import TuningProgress
from .runners import Place, explained, make_runner
from .search import RankedSearch
from .space import Point, Region, draw, point_of, regions_of, workload
from .tasks import Task
from .work_file import open_work_file

_BATCH = 8
"""Kernels that are built together: Ctrl-C waits for so many at most."""
_SPARE = 8
"""Attempts at a layer, for each server, that may fail and be made up for by others."""
_WARMUP = 12
"""Measurements of all tasks that the cost model learns from before it predicts."""


@dataclass(frozen=True)
class Setting:
    """What a run is for, and what it may use."""

    target: Target
    features: Features
    place: Place
    threads: int
    """Threads that a kernel runs on."""
    workers: int
    """Processes that compile."""
    work: Path
    """The work file stands beside this file of records."""
    seed: int
    patience: float = math.inf
    """Seconds after which a search ends with what it has."""

    @property
    def requirements(self) -> Requirements:
        """What the kernels ask of the machines they are measured on."""
        return Requirements.of(self.target, GLIBC_FLOOR if crosses(self.target) else "")


@dataclass
class Found:
    """What a search has measured for a task."""

    seconds: dict[Point, float]
    failures: list[str]
    """What went wrong with points that could not be measured, in order."""


class Lost:
    """Whether the machines to measure on are gone, or others: each point would take minutes."""

    _PATIENCE = 3

    def __init__(self) -> None:
        """All are there."""
        self.cause = ""
        self._in_a_row = 0

    def failed(self, message: str) -> None:
        """Take note of a failure."""
        gone = next((start for start in (NO_SERVER, WRONG_SERVER) if start in message), None)
        self._in_a_row = self._in_a_row + 1 if gone else 0
        if gone and self._in_a_row >= self._PATIENCE:
            # What comes before is the name of the exception.
            self.cause = message[message.index(gone) :]

    def measured(self) -> None:
        """Take note of a measurement."""
        self._in_a_row = 0


def search(tasks: Sequence[Task], trials: int, setting: Setting) -> list[Found]:
    """Measure up to `trials` points of each task, or all there are, and return the times.

    What the work file holds already is not measured again. Layers take turns, so that each has its
    share when `setting.patience` ends. Raises KeyboardInterrupt when the user
    stops the run, TuningError when all servers are gone; everything measured until then is in the
    work file.
    """
    database = open_work_file(
        setting.work, setting.target, setting.place.description, setting.threads
    )
    spaces = [regions_of(task.operation, setting.features) for task in tasks]
    totals = [min(trials, sum(len(list(r.points())) for r in regions)) for regions in spaces]
    with ExitStack() as stack:
        interrupt = stack.enter_context(Interrupt())
        lost = Lost()
        end = time.monotonic() + setting.patience

        def stopped() -> bool:
            return interrupt.requested() or bool(lost.cause) or time.monotonic() > end

        contexts = [
            _context(task, regions, trials, setting, setting.seed + number, stopped)
            for number, (task, regions) in enumerate(zip(tasks, spaces, strict=True))
        ]
        found = [Found(_measured(database, context), []) for context in contexts]
        if all(len(one.seconds) >= total for one, total in zip(found, totals, strict=True)):
            return found
        attempts = trials + _SPARE * setting.place.servers
        builders = stack.enter_context(Builders(setting.target, setting.workers))
        runner = make_runner(setting.place, setting.threads, setting.requirements)
        stack.callback(runner.pool.shutdown, wait=False)
        bars = stack.enter_context(TuningProgress(tasks, totals))
        for number, one in enumerate(found):
            for point, seconds in one.seconds.items():
                bars.measured(number, point, seconds)
        ms.tune.tune_tasks(
            tasks=contexts,
            task_weights=[float(len(task.layers)) for task in tasks],
            work_dir=builders.folder,
            max_trials_global=attempts * len(tasks),
            max_trials_per_task=attempts,
            num_trials_per_iter=_BATCH * setting.place.servers,
            builder=KernelBuilder(builders, stopped),
            runner=runner,
            database=database,
            cost_model=_cost_model(spaces, setting.features),
            measure_callbacks=[_Recorder(database, setting, found, bars, lost)],
            task_scheduler="round-robin",
        )
        if interrupt.requested():
            raise KeyboardInterrupt
        if lost.cause:
            raise TuningError(f"{lost.cause}. What was measured before is kept.")
    return found


def _context(
    task: Task,
    regions: list[Region],
    trials: int,
    setting: Setting,
    seed: int,
    stopped: Callable[[], bool],
) -> ms.TuneContext:
    def generate(schedule: s_tir.Schedule) -> list[s_tir.Schedule]:
        return [draw(schedule.copy(), region) for region in regions]

    with without_tensor_intrinsics():
        return ms.TuneContext(
            mod=workload(task.operation),
            target=setting.target,
            space_generator=ms.space_generator.ScheduleFn(
                generate, sch_rules=[], postprocs=[], mutator_probs={}
            ),
            search_strategy=RankedSearch(regions, trials, seed, stopped),
            task_name=task.name,
            rand_state=seed + 1,
            num_threads=1,
            logger=_silent_logger(),
        )


def _cost_model(spaces: list[list[Region]], features: Features) -> ms.cost_model.XGBModel:
    regions = (region for regions in spaces for region in regions)
    knobs = {knob for region in regions for knob, _ in region.options}
    return ms.cost_model.XGBModel(
        extractor=PointFeatures(sorted(knobs), features),
        num_warmup_samples=_WARMUP,
        num_tuning_cores=1,
    )


def _measured(database: ms.database.Database, context: ms.TuneContext) -> dict[Point, float]:
    known = database.get_top_k(database.commit_workload(context.mod), 1 << 20)
    points = (point_of(record.as_measure_candidate().sch.mod)[1] for record in known)
    seconds: dict[Point, float] = {}
    for point, record in zip(points, known, strict=True):
        seconds[point] = min(float(record.run_secs[0]), seconds.get(point, float("inf")))
    return seconds


def _silent_logger() -> logging.Logger:
    """Return a logger that says nothing: the progress and the result say all there is."""
    logger = logging.getLogger("tvm.s_tir.meta_schedule")
    logger.setLevel(logging.CRITICAL)
    return logger


@derived_object
class _Recorder(PyMeasureCallback):
    """Writes each measurement down as soon as it is there."""

    def __init__(
        self,
        database: ms.database.Database,
        setting: Setting,
        found: list[Found],
        bars: TuningProgress,
        lost: Lost,
    ) -> None:
        super().__init__()
        self.database, self.setting, self.found, self.bars = database, setting, found, bars
        self.lost = lost

    def apply(
        self,
        task_scheduler: ms.TaskScheduler,
        task_id: int,
        measure_candidates: list[ms.MeasureCandidate],
        builder_results: list[ms.builder.BuilderResult],
        runner_results: list[ms.runner.RunnerResult],
    ) -> None:
        """Take the results of a batch; a failure is not written down, so that it is tried again."""
        mod = task_scheduler.tasks_[task_id].ctx.mod
        stored = self.database.commit_workload(mod)
        found = self.found[task_id]
        for candidate, built, result in zip(
            measure_candidates, builder_results, runner_results, strict=True
        ):
            if built.artifact_path:
                Path(str(built.artifact_path)).unlink(missing_ok=True)
            if not result.run_secs:
                said = last_line(str(result.error_msg or built.error_msg))
                found.failures.append(explained(said, self.setting.place))
                self.lost.failed(found.failures[-1])
                continue
            self.lost.measured()
            point = point_of(candidate.sch.mod)[1]
            found.seconds[point] = float(result.run_secs[0])
            self.bars.measured(task_id, point, found.seconds[point])
            self.database.commit_tuning_record(
                ms.database.TuningRecord(
                    candidate.sch.trace,
                    stored,
                    list(result.run_secs),
                    self.setting.target,
                    candidate.args_info,
                )
            )
