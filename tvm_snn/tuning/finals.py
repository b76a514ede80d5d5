"""The end of tuning: the best points of a layer against the cost model's choice, in turns."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import TuningError
from ..schedules.operation import Operation
from ..schedules.strategy import choose
from .builder import Builders
from .evaluate import WRONG, Times, last_line
from .kernel import measured_call
from .runners import Comparer
from .session import Setting
from .space import Point

FINALISTS = 3
"""Points of a layer that are compared with the default: the fastest of the search."""
ROUNDS = 31
MARGIN = 1.02
"""How many times faster than the default a record is at least."""
_ERRORS = 3
"""Standard errors of a median that are put down to noise."""


@dataclass(frozen=True)
class Race:
    """Two points measured in turns, round by round."""

    ratios: tuple[float, ...]
    """Time of the default over that of the other."""
    same: tuple[float, ...]
    """Time of the default over its own, measured a second time in each round: noise."""

    @property
    def gain(self) -> float:
        """How many times faster the other is, in the median."""
        return statistics.median(self.ratios)

    @property
    def noise(self) -> float:
        """How far from 1 a ratio of equals can be.

        That is how far the default is from itself, and three standard errors of that median: 1.25
        sigma / sqrt(rounds), sigma being the distance between the quartiles over 1.35, as of a
        normal distribution.
        """
        lower, median, upper = statistics.quantiles(self.same, n=4)
        error = 1.25 * (upper - lower) / 1.35 / math.sqrt(len(self.same))
        return abs(median - 1) + _ERRORS * error

    @property
    def won(self) -> bool:
        """Whether the other is faster by the margin and by more than noise."""
        return self.gain >= max(MARGIN, 1 + self.noise)


@dataclass(frozen=True)
class Final:
    """The fastest point of a layer, and the point that the cost model chooses."""

    default: Point
    default_microseconds: float
    best: Point
    microseconds: float
    """Medians when warm."""
    warm: Race
    cold: Race

    @property
    def wins(self) -> bool:
        """Whether the best point beats the default warm and cold: in a network it is between."""
        return self.best != self.default and self.warm.won and self.cold.won


_NONE = Race((1.0, 1.0), (1.0, 1.0))


def compare(
    operation: Operation,
    seconds: Mapping[Point, float],
    earlier: Point | None,
    builders: Builders,
    comparer: Comparer,
    setting: Setting,
) -> Final:
    """Measure the points that were fastest in the search in turns with the default.

    `earlier` is the point of a record there is, which has to prove itself again. Points that the
    search found slower than the default are left out. Every kernel's result is checked before.
    Raises TuningError when one is wrong, or does not build or run.
    """
    default = Point(choose(measured_call(operation), setting.features)[0].name)
    bound = seconds.get(default, math.inf)
    others = (point for point in seconds if point != default and seconds[point] <= bound)
    fastest = sorted(others, key=seconds.__getitem__)
    chosen = [default, *([earlier] if earlier else []), *fastest[:FINALISTS]]
    points = list(dict.fromkeys(chosen))
    if points == [default]:
        return Final(default, bound * 1e6, default, bound * 1e6, _NONE, _NONE)
    futures = [builders.submit(operation, point) for point in points]
    paths = [_path(future, point) for future, point in zip(futures, points, strict=True)]
    try:
        # The default runs twice: how far it is from itself is noise.
        again, *times = comparer(operation, [paths[0], *paths], ROUNDS)
    except TuningError as error:
        raise TuningError(_named(str(error), [default, *points])) from error
    return _final(points, times, again)


def _final(points: Sequence[Point], times: Sequence[Times], again: Times) -> Final:
    medians = [[statistics.median(own) for own in both] for both in times]
    best = min(range(len(points)), key=lambda place: math.prod(medians[place]))
    races = (
        Race(_ratios(default, other), _ratios(default, same))
        for default, other, same in zip(times[0], times[best], again, strict=True)
    )
    default, fastest = medians[0][0] * 1e6, medians[best][0] * 1e6
    return Final(points[0], default, points[best], fastest, *races)


def _ratios(default: Sequence[float], other: Sequence[float]) -> tuple[float, ...]:
    return tuple(base / own for base, own in zip(default, other, strict=True))


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
