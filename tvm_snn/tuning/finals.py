"""The end of tuning: the best points of a layer against the cost model's choice, in turns."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import TuningError
from ..schedules.operation import Operation
from ..schedules.strategy import choose
from .builder import Builders
from .evaluate import WRONG, last_line
from .runners import Comparer
from .session import Setting
from .space import Point

FINALISTS = 3
"""Points of a layer that are compared with the default: the fastest of the search."""
ROUNDS = 31
MARGIN = 1.02
"""How many times faster than the default a record is at least, in the median of all rounds; it is
faster at all in three of four."""


@dataclass(frozen=True)
class Final:
    """The fastest point of a layer, and the point that the cost model chooses."""

    default: Point
    default_microseconds: float
    best: Point
    microseconds: float
    """Medians, measured in turns."""
    ratios: tuple[float, ...]
    """Time of the default over that of the best, round by round."""

    @property
    def wins(self) -> bool:
        """Whether the best point beats the default by more than noise."""
        if self.best == self.default:
            return False
        lower, median, _ = statistics.quantiles(self.ratios, n=4)
        return median >= MARGIN and lower > 1


def compare(
    operation: Operation,
    seconds: Mapping[Point, float],
    earlier: Point | None,
    builders: Builders,
    comparer: Comparer,
    setting: Setting,
) -> Final:
    """Measure the points that were fastest in the search in turns with the default.

    `earlier` is the point of a record there is, which has to prove itself again. Every kernel's
    result is checked before. Raises TuningError when one is wrong, or does not build or run.
    """
    default = Point(choose(operation.call(), setting.features)[0].name)
    fastest = sorted((point for point in seconds if point != default), key=seconds.__getitem__)
    chosen = [default, *([earlier] if earlier else []), *fastest[:FINALISTS]]
    points = list(dict.fromkeys(chosen))
    futures = [builders.submit(operation, point) for point in points]
    paths = [_path(future, point) for future, point in zip(futures, points, strict=True)]
    try:
        times = comparer(operation, paths, ROUNDS)
    except TuningError as error:
        raise TuningError(_named(str(error), points)) from error
    return _final(points, times)


def _final(points: Sequence[Point], times: Sequence[Sequence[float]]) -> Final:
    medians = [statistics.median(own) * 1e6 for own in times]
    best = min(range(len(points)), key=medians.__getitem__)
    ratios = tuple(base / own for base, own in zip(times[0], times[best], strict=True))
    return Final(points[0], medians[0], points[best], medians[best], ratios)


def _path(future: Any, point: Point) -> str:
    try:
        return str(future.result())
    except Exception as error:
        raise TuningError(f"{point} does not build: {last_line(str(error))}") from error


def _named(message: str, points: Sequence[Point]) -> str:
    """Put the point in the place of its number."""
    _, found, rest = message.partition(WRONG)
    place, colon, after = rest.partition(":")
    return f"{points[int(place)]} gives a wrong result:{after}" if found and colon else message
