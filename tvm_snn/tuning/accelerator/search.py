"""The search for a layer's tiling: an agenda of cuts, ranked by XGBoost once there are cycles.

The agenda is that of kernels (../agenda.py): the estimated best first, then cuts drawn at random,
then those ranked highest, with some random ones among them.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...errors import SnnError
from ...target.vta.codegen.estimate import estimate
from ...target.vta.codegen.plan import PlannedLayer
from ...target.vta.codegen.tiling import Cut, Tiling
from ...target.vta.codegen.tuned import Tilings
from ..agenda import Agenda
from ..space import Point
from .meter import Meter

_WARMUP = 12
"""Cuts of a layer that are counted before any is ranked."""
_BATCH = 4
"""Cuts between two fits of the ranking."""
_TILING = "tiling"


@dataclass
class FoundTiling:
    """What the search has counted for one layer."""

    default_cycles: int
    """Of the region, the layer being cut as estimated."""
    cycles: dict[Cut, int] = field(default_factory=dict)
    """Of the region, by the layer's cut."""
    failures: list[str] = field(default_factory=list)
    """What kept cuts from being counted."""

    @property
    def best(self) -> Cut | None:
        """The cut with which the region takes fewer cycles than with the default, if any."""
        best = min(self.cycles, key=lambda cut: self.cycles[cut], default=None)
        return best if best is not None and self.cycles[best] < self.default_cycles else None


def search_tiling(
    planned: PlannedLayer,
    meter: Meter,
    tilings: Tilings,
    trials: int,
    seed: int,
) -> FoundTiling:
    """Count up to `trials` cuts of a layer, the other layers being cut as in `tilings`.

    Raises SnnError when the region has no program as it is.
    """
    situation, options = planned.situation, options_of(planned)
    found = FoundTiling(meter.cycles(tilings.with_cut(situation, None)))
    agenda = Agenda(options, trials, _WARMUP, seed)
    while points := agenda.next(_BATCH, lambda rest: rank(rest, options, planned, found, seed)):
        for point in points:
            cut = options[point].cut
            assert cut is not None
            try:
                cycles = meter.cycles(tilings.with_cut(situation, cut))
            except SnnError as error:
                found.failures.append(str(error))
                agenda.open.pop(point)
            else:
                found.cycles[cut] = cycles
                agenda.done(point, float(cycles))
    return found


def options_of(planned: PlannedLayer) -> dict[Point, Tiling]:
    """Return every tiling of a layer, by the point of the agenda that stands for it."""
    return {_point(cut): one for one in planned.tilings() if (cut := one.cut)}


def rank(
    points: Sequence[Point],
    options: dict[Point, Tiling],
    planned: PlannedLayer,
    found: FoundTiling,
    seed: int,
) -> Sequence[float]:
    """Return scores, the higher the fewer cycles are expected: XGBoost corrects the estimate."""
    from xgboost import XGBRegressor

    counted = {options[_point(cut)]: cycles for cut, cycles in found.cycles.items()}
    errors = [math.log(cycles / _expected(one, planned)) for one, cycles in counted.items()]
    model = XGBRegressor(n_estimators=60, max_depth=4, learning_rate=0.2, n_jobs=1, seed=seed)
    model.fit(np.array([_features(one) for one in counted]), np.array(errors))
    wanted = [options[point] for point in points]
    corrections = model.predict(np.array([_features(one) for one in wanted]))
    return [
        -math.log(_expected(one, planned)) - float(correction)
        for one, correction in zip(wanted, corrections, strict=True)
    ]


def _expected(tiling: Tiling, planned: PlannedLayer) -> int:
    return estimate(planned.geometry, tiling, planned.kept_image, planned.kept_result)


def _features(tiling: Tiling) -> NDArray[np.float64]:
    """Return the numbers that the estimate's error may depend on."""
    cut = tiling.cut
    assert cut is not None
    chunks = sum(-(-tiles // tiling.chunk) for _, tiles in tiling.bands)
    last = tiling.bands[-1][1]
    return np.array([*asdict(cut).values(), tiling.passes, chunks, last], np.float64)


def _point(cut: Cut) -> Point:
    return Point(_TILING, tuple(sorted(asdict(cut).items())))
