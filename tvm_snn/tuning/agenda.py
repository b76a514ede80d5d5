"""Which points of a space to measure next.

What each strategy chooses by itself comes first. Knobs are turned only where that is not hopelessly
slow: first points drawn at random, until there is enough to learn from, then the points that are
ranked highest, with some drawn at random among them, so that the ranking learns where it is wrong.
Spaces here are small enough to rank every point of them.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from .space import Point

_EXPLORED = 0.25
"""Share of a batch that is drawn at random."""
_HOPELESS = 2.0
"""How many times slower than the fastest a strategy's own choice is when its knobs are left."""
_ATTEMPTS = 2
"""How often a point is tried whose measurement failed: a server may have died."""


class Agenda:
    """The points of a space that wait to be measured."""

    def __init__(self, points: Iterable[Point], trials: int, warmup: int, seed: int) -> None:
        """Plan `trials` measurements of `points`; the first `warmup` are not ranked."""
        self.open = dict.fromkeys(points, 0)
        """How often each open point has failed."""
        self.measured = 0
        self._own: dict[str, float] = {}
        self._trials, self._warmup = trials, warmup
        self._generator = np.random.default_rng(seed)

    def next(self, size: int, rank: Callable[[Sequence[Point]], Sequence[float]]) -> list[Point]:
        """Return the next `size` points at most; none when the work is done.

        `rank` gives scores, the higher the more promising.
        """
        size = max(0, min(size, self._trials - self.measured))
        first = [point for point in self.open if not point.knobs]
        if first:
            return first[:size]
        bound = _HOPELESS * min(self._own.values(), default=0.0)
        rest = [point for point in self.open if self._own.get(point.strategy, 0.0) <= bound]
        order = self._generator.permutation(len(rest))
        if not size or size >= len(rest) or self.measured < self._warmup:
            return [rest[i] for i in order[:size]]
        scores = rank(rest)
        explored = round(_EXPLORED * size)
        best = sorted(range(len(rest)), key=lambda i: -scores[i])[: size - explored]
        others = [i for i in order if i not in best][:explored]
        return [rest[i] for i in (*best, *others)]

    def done(self, point: Point, seconds: float) -> None:
        """Take a point off that was measured."""
        self.open.pop(point, None)
        self.measured += 1
        if not point.knobs:
            self._own[point.strategy] = seconds

    def failed(self, point: Point) -> None:
        """Put a point at the end that was not measured; take it off when that was its last try."""
        failures = self.open.pop(point, 0) + 1
        if failures < _ATTEMPTS:
            self.open[point] = failures
