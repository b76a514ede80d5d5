import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvm_snn.ops.units import (
    codes_from_signs,
    index_bits,
    join_units,
    signs_from_codes,
    split_units,
)


@pytest.mark.parametrize(
    ("size", "bits"), [(1, 0), (2, 1), (3, 2), (32, 5), (33, 6), (64, 6), (256, 8)]
)
def test_index_bits_is_the_shortest_that_counts_the_subset(size: int, bits: int) -> None:
    assert index_bits(size) == bits


def test_bit_of_a_code_is_row_times_three_plus_column() -> None:
    kernel = -np.ones((1, 3, 3), np.int8)
    kernel[0, 1, 2] = 1
    assert codes_from_signs(kernel) == 2 ** (1 * 3 + 2)


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)),
    st.integers(0, 2**32 - 1),
)
def test_codes_and_signs_are_inverse(unit: tuple[int, int, int], seed: int) -> None:
    signs = np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), (5, *unit))
    np.testing.assert_array_equal(signs_from_codes(codes_from_signs(signs), unit), signs)


def test_a_code_may_use_all_64_bits() -> None:
    codes = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    np.testing.assert_array_equal(codes_from_signs(signs_from_codes(codes, (16, 2, 2))), codes)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_join_is_the_inverse_of_split(unit: int, units: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    weight = generator.choice(np.array([-1, 1], np.int8), (3, unit * units, 3, 3))
    kernels = split_units(weight, unit)
    subset = kernels.reshape(-1, unit, 3, 3)
    indices = np.arange(3 * units, dtype=np.uint8).reshape(3, units)
    np.testing.assert_array_equal(join_units(subset, indices), weight)
