"""MetaSchedule's search strategy: measures the points of one layer in the order of an agenda."""

from collections.abc import Callable, Sequence
from typing import Any

from tvm import s_tir
from tvm.ir.utils import derived_object
from tvm.s_tir.meta_schedule import TuneContext
from tvm.s_tir.meta_schedule.arg_info import ArgInfo
from tvm.s_tir.meta_schedule.cost_model import CostModel
from tvm.s_tir.meta_schedule.database import Database
from tvm.s_tir.meta_schedule.runner import RunnerResult
from tvm.s_tir.meta_schedule.search_strategy import MeasureCandidate, PySearchStrategy

from .agenda import Agenda
from .space import Point, Region, draw, point_of

_WARMUP = 12
"""Measurements of a layer after which the cost model is asked."""


@derived_object
class RankedSearch(PySearchStrategy):
    """Measures the points of one layer's space, the most promising first."""

    def __init__(
        self, regions: list[Region], trials: int, seed: int, stopped: Callable[[], bool]
    ) -> None:
        """Search a space until `trials` are measured, or `stopped` says that it is enough."""
        super().__init__()
        self.regions, self.trials, self.seed, self.stopped = regions, trials, seed, stopped

    def _initialize_with_tune_context(self, context: TuneContext) -> None:
        self.context = context

    def pre_tuning(
        self,
        max_trials: int,
        num_trials_per_iter: int,
        design_spaces: list[s_tir.Schedule],
        database: Database,
        cost_model: CostModel,
    ) -> None:
        """Take up where the database ends."""
        # MetaSchedule counts attempts, and has the schedules of the regions, whose every point is
        # listed here.
        del max_trials, design_spaces
        self.batch, self.cost_model = num_trials_per_iter, cost_model
        self.candidates = self._candidates()
        self.agenda = Agenda(self.candidates, self.trials, _WARMUP, self.seed)
        known = database.get_top_k(database.commit_workload(self.context.mod), 1 << 20)
        self._learn(
            [record.as_measure_candidate() for record in known],
            [RunnerResult(list(record.run_secs), None) for record in known],
        )

    def generate_measure_candidates(self) -> list[MeasureCandidate] | None:
        """Return the next batch; None when there is none."""
        points = [] if self.stopped() else self.agenda.next(self.batch, self._rank)
        return [self.candidates[point] for point in points] or None

    def notify_runner_results(
        self, measure_candidates: list[MeasureCandidate], results: list[RunnerResult]
    ) -> None:
        """Learn from what was measured."""
        pairs = list(zip(measure_candidates, results, strict=True))
        good = [pair for pair in pairs if pair[1].run_secs]
        self._learn([candidate for candidate, _ in good], [result for _, result in good])
        for candidate, result in pairs:
            if not result.run_secs:
                self.agenda.failed(point_of(candidate.sch.mod)[1])

    def post_tuning(self) -> None:
        """Let the schedules go."""
        self.candidates = {}

    def _candidates(self) -> dict[Point, MeasureCandidate]:
        mod = self.context.mod
        arguments = ArgInfo.from_entry_func(mod)
        return {
            point: MeasureCandidate(draw(s_tir.Schedule(mod), region, numbers), arguments)
            for region in self.regions
            for point, numbers in region.points()
        }

    def _rank(self, points: Sequence[Point]) -> Sequence[float]:
        chosen = [self.candidates[point] for point in points]
        return [float(score) for score in self.cost_model.predict(self.context, chosen)]

    def _learn(self, candidates: list[MeasureCandidate], results: list[Any]) -> None:
        if not candidates:
            return
        for candidate, result in zip(candidates, results, strict=True):
            self.agenda.done(point_of(candidate.sch.mod)[1], float(result.run_secs[0]))
        self.cost_model.update(self.context, candidates, results)
