"""Minimal filtering: exactly the sums of products, by fewer products."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvm_snn.schedules.dense_float.minimal_filtering import POINTS, Matrix, MinimalFiltering

Vector = list[Fraction]


def times(matrix: Matrix, vector: Vector) -> Vector:
    return [sum((a * b for a, b in zip(row, vector, strict=True)), Fraction(0)) for row in matrix]


def paired(transform: MinimalFiltering, vector: Vector) -> Vector:
    """Sum and difference in the place of each pair, as the kernels do it."""
    result = list(vector)
    for first in transform.pairs:
        result[first], result[first + 1] = (
            vector[first] + vector[first + 1],
            vector[first] - vector[first + 1],
        )
    return result


@given(st.data(), st.sampled_from(POINTS), st.integers(2, 5))
def test_exact_sums_of_products(data: st.DataObject, points: int, taps: int) -> None:
    transform = MinimalFiltering(points, taps)
    fractions = st.fractions(-9, 9, max_denominator=7)
    inputs = data.draw(st.lists(fractions, min_size=points, max_size=points))
    weights = data.draw(st.lists(fractions, min_size=taps, max_size=taps))
    transformed = paired(transform, times(transform.data, inputs))
    products = [a * b for a, b in zip(transformed, times(transform.weights, weights), strict=True)]
    expected = [
        sum((inputs[q + j] * weights[j] for j in range(taps)), Fraction(0))
        for q in range(transform.results)
    ]
    assert times(transform.sums, paired(transform, products)) == expected


@pytest.mark.parametrize("points", POINTS)
def test_factors_are_exact_in_float32(points: int) -> None:
    transform = MinimalFiltering(points, 4)
    for row in [*transform.data, *transform.sums]:
        for factor in row:
            denominator = factor.denominator
            assert denominator & (denominator - 1) == 0
            assert abs(factor.numerator) < 2**24
