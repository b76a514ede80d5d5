"""Minimal filtering F(m, r): m sums of r neighbouring products from m + r - 1 products.

The sums are a polynomial product, which its values at m + r - 1 points determine (Toom and Cook;
Winograd, "Arithmetic Complexity of Computations", 1980; for convolutions Lavin and Gray, "Fast
Algorithms for Convolutional Neural Networks", CVPR 2016). With data d and weights w,

    y[q] = sum_j d[q + j] * w[j]    is    y = A ((G w) * (B d))

The points are 0, pairs of +a and -a, and infinity. Both of a pair need the same even and odd parts,
so A and B are each a sparse matrix and one addition and subtraction per pair.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

_PAIRS = (Fraction(1), Fraction(2), Fraction(1, 2))
"""Points that float32 multiplies by exactly, and whose powers stay small."""
POINTS = (6, 8)
"""Numbers of points at hand: each pair adds two to 0 and infinity."""

Matrix = list[list[Fraction]]


@dataclass(frozen=True)
class MinimalFiltering:
    """F(points - taps + 1, taps): the matrices of the three transforms."""

    points: int
    taps: int

    @property
    def results(self) -> int:
        """Sums that are computed together."""
        return self.points - self.taps + 1

    @property
    def pairs(self) -> range:
        """Where the first point of each pair stands."""
        return range(1, self.points - 1, 2)

    @cached_property
    def weights(self) -> Matrix:
        """G: from the taps to the points."""
        finite = [Fraction(0), *(sign * a for a in self._pairs for sign in (1, -1))]
        rows = []
        for number, a in enumerate(finite):
            scale = Fraction(1)
            for other in finite[:number] + finite[number + 1 :]:
                scale *= a - other
            rows.append([a**j / scale for j in range(self.taps)])
        return [*rows, [Fraction(j == self.taps - 1) for j in range(self.taps)]]

    @cached_property
    def data(self) -> Matrix:
        """What becomes B: before the first and second row of each pair are added and subtracted."""
        squares = [a * a for a in self._pairs]
        rows = [_product(squares)]
        for a in self._pairs:
            rest = _product([square for square in squares if square != a * a])
            rows.append([Fraction(0), Fraction(0), *rest])
            rows.append([Fraction(0), *(a * factor for factor in rest)])
        rows.append([Fraction(0), *_product(squares)])
        return [[*row, *[Fraction(0)] * (self.points - len(row))] for row in rows]

    @cached_property
    def sums(self) -> Matrix:
        """What becomes A: after the products of each pair were added and subtracted."""

        def row(q: int) -> list[Fraction]:
            pairs = [a**q if q % 2 == odd else Fraction(0) for a in self._pairs for odd in (0, 1)]
            return [Fraction(q == 0), *pairs, Fraction(q == self.results - 1)]

        return [row(q) for q in range(self.results)]

    @property
    def _pairs(self) -> tuple[Fraction, ...]:
        return _PAIRS[: self.points // 2 - 1]


def _product(squares: list[Fraction]) -> list[Fraction]:
    """Return the coefficients of the product of all (x^2 - square), lowest power first."""
    result = [Fraction(1)]
    for square in squares:
        higher, lower = [Fraction(0), Fraction(0), *result], [*result, Fraction(0), Fraction(0)]
        result = [up - square * down for up, down in zip(higher, lower, strict=True)]
    return result
