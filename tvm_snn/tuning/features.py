"""What the XGBoost cost model sees of a point: the layer's sizes, the strategy and its knobs.

The features that MetaSchedule extracts by itself come from the loops of a schedule; ours have
their decisions in annotations.
"""

import math
from collections.abc import Sequence

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm.ir.utils import derived_object
from tvm.s_tir.meta_schedule import TuneContext
from tvm.s_tir.meta_schedule.feature_extractor import PyFeatureExtractor
from tvm.s_tir.meta_schedule.search_strategy import MeasureCandidate

from ..ops import LAYERS
from ..schedules.operation import Operation
from ..schedules.strategy import STRATEGIES
from ..target import Features
from .kernel import measured_call
from .operands import result_type
from .space import Point, point_of

_SIZES = 6


@derived_object
class PointFeatures(PyFeatureExtractor):
    """One row of numbers for each point, the same columns for all layers of a session."""

    def __init__(self, knobs: Sequence[str], features: Features) -> None:
        """Name the knobs of all strategies that can occur; a point has NaN for all but its own."""
        super().__init__()
        self.knobs = list(knobs)
        self.features = features

    def extract_from(
        self, context: TuneContext, candidates: list[MeasureCandidate]
    ) -> list[tvm.runtime.Tensor]:
        """Return a float64 (1, columns) for each candidate."""
        del context
        rows = (self.row(*point_of(candidate.sch.mod)) for candidate in candidates)
        return [tvm.runtime.tensor(row[None]) for row in rows]

    def row(self, operation: Operation, point: Point) -> NDArray[np.float64]:
        """Return the numbers of one point."""
        cycles = STRATEGIES[point.strategy].cycles(
            measured_call(operation, point.strategy, point.config), self.features
        )
        config = point.config
        return np.array(
            [
                *_sizes(operation),
                *(operation.operator == name for name in LAYERS),
                *(point.strategy == name for name in STRATEGIES),
                not config,
                math.log(max(cycles, 1.0)),
                *(config.get(knob, math.nan) for knob in self.knobs),
            ],
            np.float64,
        )


def _sizes(operation: Operation) -> list[float]:
    """Return logarithms of the sizes of data, weights and result."""
    shapes = [shape for _, shape in operation.operands] + [result_type(operation)[1]]
    counts = [math.log(max(1, math.prod(shape))) for shape in shapes]
    last = [math.log(max(1, shape[-1])) for shape in (shapes[0], shapes[-1])]
    return (counts[:1] + counts[-1:] + last + counts[1:-1] + [math.nan])[:_SIZES]
