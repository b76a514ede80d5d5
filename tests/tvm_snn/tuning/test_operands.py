"""The data that kernels are measured with."""

import numpy as np
import pytest

from tests.tvm_snn.tuning.layers import subset_conv2d
from tvm_snn.ops.packed_signs import NEGATIVE, ZERO, unpack
from tvm_snn.schedules.operation import Operation
from tvm_snn.schedules.subset_gather.responses import known_subset, with_known_subset
from tvm_snn.tuning.kernel import measured_call
from tvm_snn.tuning.operands import random_operands, random_subset, reference, scale_shape


def types(operation: Operation) -> list[tuple[str, tuple[int, ...]]]:
    return [*operation.operands, ("float32", scale_shape(operation))]


@pytest.mark.parametrize("data", ["int8", "uint8", "float32"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_operands_are_valid_for_the_operator(data: str, layout: str) -> None:
    operation = subset_conv2d(data, layout)
    operands = random_operands(types(operation), zeros=0.2)
    described = [(str(array.dtype), array.shape) for array in operands]
    assert described == types(operation)
    assert operands[2].max() < 16
    assert set(np.unique(operands[1])) == {-1, 1}
    assert reference(operation, operands).dtype == np.float32


@pytest.mark.parametrize(("channels", "groups"), [(16, 1), (70, 1), (140, 2), (6, 3)])
def test_packed_signs_have_no_bit_past_the_channels(channels: int, groups: int) -> None:
    operation = subset_conv2d("uint64", "NHWC", groups, channels)
    data = random_operands(types(operation), zeros=0.3)[0]
    assert data.shape == operation.operands[0][1]
    assert not (data[:, NEGATIVE] & data[:, ZERO]).any()
    signs = unpack(data, channels, groups)
    assert set(np.unique(signs)) == {-1, 0, 1}
    ones = np.bitwise_count(data).sum()
    assert ones == (signs < 0).sum() + (signs == 0).sum(), "bits past the channels"


def test_zeros_are_as_many_as_asked_for() -> None:
    operation = subset_conv2d()
    assert (random_operands(types(operation), zeros=0.0)[0] != 0).all()
    assert 0.2 < (random_operands(types(operation), zeros=0.3)[0] == 0).mean() < 0.4


def test_levels_reach_the_largest_and_no_more() -> None:
    operation = subset_conv2d("uint8")
    data = random_operands(types(operation), zeros=0.0, top=3)[0]
    assert set(np.unique(data)) == {0, 1, 2, 3}


def test_the_same_seed_gives_the_same_operands() -> None:
    operation = subset_conv2d()
    first, again, other = (random_operands(types(operation), 0.1, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_a_kernel_is_measured_with_the_subset_that_it_was_compiled_for() -> None:
    operation = subset_conv2d()
    subset = random_subset(operation.operands[1][1])
    assert len(np.unique(subset, axis=0)) == len(subset)
    for seed in (0, 1):
        assert np.array_equal(random_operands(types(operation), 0.1, seed)[1], subset)
    call = measured_call(operation, "subset_gather")
    assert known_subset(call) == known_subset(with_known_subset(operation.call(), subset))
    assert known_subset(measured_call(operation, "xnor_popcount")) is None


@pytest.mark.parametrize("shape", [(8, 1, 1, 2), (3, 64, 1, 1)])
def test_subsets_that_cannot_be_drawn_without_repetition(shape: tuple[int, ...]) -> None:
    assert random_subset(shape).shape == shape
    assert set(np.unique(random_subset(shape))) == {-1, 1}
