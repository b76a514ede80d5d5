"""Changes of a layer that must not change its result, or change it in a known way."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.schedules.kernels import Case, random_data, random_signs, run
from tvm_snn.ops.units import join_units, signs_from_codes
from tvm_snn.schedules import candidates
from tvm_snn.target import features_of, parse_target

TARGET = parse_target("host")
ATTRS: dict[str, Any] = {
    "strides": [2, 1],
    "padding": [1, 0, 1, 2],
    "dilation": [1, 1],
    "groups": 1,
    "data_layout": "NCHW",
}
SUBSET, BINARY = "snn.subset_conv2d", "snn.binary_conv2d"


def _names(operator: str, *operands: NDArray) -> list[str]:
    case = Case(operator, operands, ATTRS)
    able = candidates(case.call(*case.parameters()), features_of(TARGET))
    return [strategy.name for strategy in able]


def _run(operator: str, strategy: str, *operands: NDArray) -> NDArray:
    return run(Case(operator, operands, {**ATTRS, "strategy": strategy}), TARGET)


def _layer(kernels: int = 20, unit: int = 1) -> tuple[NDArray, NDArray, NDArray]:
    generator = np.random.default_rng(kernels + unit)
    data = random_data(generator, (2, 12, 9, 7), "int8")
    subset = random_signs(generator, (kernels, unit, 3, 3))
    indices = generator.integers(0, kernels, (13, 12 // unit)).astype(np.uint8)
    return data, subset, indices


@pytest.mark.parametrize("unit", [1, 2])
def test_permuting_the_subset_together_with_its_indices(unit: int) -> None:
    data, subset, indices = _layer(unit=unit)
    order = np.random.default_rng(1).permutation(len(subset))
    renamed = np.argsort(order).astype(np.uint8)[indices]
    for name in _names(SUBSET, data, subset, indices):
        np.testing.assert_array_equal(
            _run(SUBSET, name, data, subset[order], renamed),
            _run(SUBSET, name, data, subset, indices),
        )


def test_kernels_that_occur_twice_in_the_subset() -> None:
    data, subset, indices = _layer()
    twice = np.concatenate([subset, subset])
    other = indices + len(subset) * (np.arange(indices.size).reshape(indices.shape) % 2)
    for name in _names(SUBSET, data, subset, indices):
        np.testing.assert_array_equal(
            _run(SUBSET, name, data, twice, other.astype(np.uint8)),
            _run(SUBSET, name, data, subset, indices),
        )


@pytest.mark.parametrize("unit", [1, 2, 3])
def test_channels_in_two_parts_add_up(unit: int) -> None:
    data, subset, indices = _layer(unit=unit)
    for name in _names(SUBSET, data, subset, indices):
        parts = [
            _run(SUBSET, name, data[:, part], subset, indices[:, units])
            for part, units in (
                (slice(0, 6), slice(0, 6 // unit)),
                (slice(6, 12), slice(6 // unit, 12 // unit)),
            )
        ]
        np.testing.assert_array_equal(
            parts[0] + parts[1], _run(SUBSET, name, data, subset, indices)
        )


def test_outputs_in_two_parts_concatenate() -> None:
    data, subset, indices = _layer()
    for name in _names(SUBSET, data, subset, indices):
        parts = [_run(SUBSET, name, data, subset, part) for part in (indices[:5], indices[5:])]
        np.testing.assert_array_equal(
            np.concatenate(parts, axis=1), _run(SUBSET, name, data, subset, indices)
        )


def test_turned_data_turn_the_result() -> None:
    data, subset, indices = _layer()
    for name in _names(SUBSET, data, subset, indices):
        np.testing.assert_array_equal(
            _run(SUBSET, name, -data, subset, indices), -_run(SUBSET, name, data, subset, indices)
        )


def test_all_512_kernels_make_a_plain_binary_layer() -> None:
    """The half of the channels uses one half of the kernels, the other half the other."""
    generator = np.random.default_rng(0)
    data = random_data(generator, (1, 64, 6, 6), "int8")
    halves = np.split(signs_from_codes(np.arange(512, dtype=np.uint64), (1, 3, 3)), 2)
    indices = generator.permuted(np.tile(np.arange(256, dtype=np.uint8), 8)).reshape(64, 32)
    weight = np.concatenate([join_units(half, indices) for half in halves], axis=1)
    assert len(np.unique(weight.reshape(-1, 9), axis=0)) == 512
    binary = [_run(BINARY, name, data, weight) for name in _names(BINARY, data, weight)]
    for name in _names(SUBSET, data[:, :32], halves[0], indices):
        parts = [
            _run(SUBSET, name, data[:, start : start + 32], half, indices)
            for start, half in zip((0, 32), halves, strict=True)
        ]
        for result in binary:
            np.testing.assert_array_equal(parts[0] + parts[1], result)
