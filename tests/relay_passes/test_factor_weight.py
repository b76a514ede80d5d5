import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tvm_snn.ops.units import join_units, signs_from_codes
from tvm_snn.relay_passes.factor_weight import Subset, factor_signs, find_subset


def layer_signs(
    outputs: int, channels: int, area: tuple[int, int], unit: int, size: int, seed: int = 0
) -> NDArray[np.int8]:
    """Signs (outputs, channels, *area) whose units come from `size` distinct kernels."""
    generator = np.random.default_rng(seed)
    bits = unit * area[0] * area[1]
    codes = generator.choice(2 ** min(bits, 24), size, replace=False).astype(np.uint64)
    indices = generator.integers(0, size, (outputs, channels // unit))
    # Every kernel occurs.
    indices.flat[:size] = np.arange(size)
    return join_units(signs_from_codes(codes, (unit, *area)), indices)


@given(st.integers(0, 2**32 - 1))
def test_scale_times_signs_is_the_weight(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scale = generator.uniform(1e-4, 10, 6).astype(np.float32)
    signs = generator.choice(np.array([-1, 1], np.int8), (6, 4, 3, 3))
    factored = factor_signs(scale[:, None, None, None] * signs)
    np.testing.assert_array_equal(factored.scale, scale)
    np.testing.assert_array_equal(factored.signs, signs)
    assert factored.deviation == 0


def test_straight_through_rounding_is_removed_and_reported() -> None:
    generator = np.random.default_rng(0)
    latent = generator.normal(0, 0.5, (8, 8, 3, 3)).astype(np.float32)
    scale = generator.uniform(0.01, 0.1, (8, 1, 1, 1)).astype(np.float32)
    clipped = np.clip(latent, -1, 1)
    weight = scale * np.sign(latent) - clipped + clipped
    assert len(np.unique(np.abs(weight[0]))) > 1, "the estimator leaves rounding behind"
    factored = factor_signs(weight)
    np.testing.assert_array_equal(factored.signs, np.sign(latent))
    assert 0 < factored.deviation < 2.0**-16


def test_one_weight_that_is_not_binary_is_found_and_named() -> None:
    weight = np.ones((64, 64, 3, 3), np.float32)
    weight[5, 17, 1, 1] = 1.13
    weight[6, 2, 0, 0] = 0.95
    assert factor_signs(weight) == (
        "2 of 4,096 kernels are not +-1: largest deviation 0.13 at o=5, c=17"
    )


def test_a_single_weight_an_output_is_no_sign() -> None:
    """Any number is a scale times +1 or -1: a depthwise 1x1 convolution is not binary."""
    weight = np.array([0.5, -0.25, 1.5], np.float32).reshape(3, 1, 1, 1)
    assert factor_signs(weight) == "each output has a single weight, which is a scale and no sign"
    assert not isinstance(factor_signs(np.sign(weight)), str)


def test_a_deviation_beyond_rounding_is_never_taken_for_rounding() -> None:
    weight = np.ones((4, 4, 3, 3), np.float32)
    weight[0, 0, 0, 0] = 1 + 1e-4
    assert isinstance(factor_signs(weight), str)


def test_a_zero_weight_is_not_binary_but_a_zero_channel_is() -> None:
    weight = layer_signs(8, 8, (3, 3), 1, 4).astype(np.float32)
    weight[3] = 0
    factored = factor_signs(weight)
    assert factored.scale[3] == 0
    assert find_subset(factored.signs).size <= 4
    weight[2, 0, 0, 0] = 0
    assert "1 of 64 kernels are not +-1" in factor_signs(weight)


@pytest.mark.parametrize(
    ("outputs", "channels", "area", "unit", "size"),
    [
        (64, 64, (3, 3), 1, 32),
        (16, 16, (3, 3), 1, 8),
        (64, 32, (3, 3), 1, 256),
        (32, 32, (3, 3), 2, 64),
        (64, 64, (3, 3), 4, 16),
        (64, 64, (1, 1), 8, 32),
        (100, 256, (1, 1), 8, 64),
        (32, 8, (5, 5), 1, 16),
        (32, 32, (1, 3), 2, 8),
    ],
)
def test_the_subset_that_made_a_layer_is_found(outputs, channels, area, unit, size) -> None:
    signs = layer_signs(outputs, channels, area, unit, size)
    subset = find_subset(signs)
    assert (subset.unit, subset.size) == (unit, size)
    assert not subset.flipped.any()
    np.testing.assert_array_equal(join_units(subset.kernels, subset.indices), signs)


def test_a_depthwise_layer_needs_each_kernel_or_its_complement() -> None:
    signs = layer_signs(64, 1, (3, 3), 1, 16)
    subset = find_subset(np.concatenate([signs, -signs]))
    assert subset.size <= 16
    assert subset.flipped.any()


@pytest.mark.parametrize("seed", range(5))
def test_channels_turned_around_do_not_enlarge_the_subset(seed: int) -> None:
    signs = layer_signs(32, 16, (3, 3), 1, 32, seed)
    turned = np.random.default_rng(seed).random(32) < 0.5
    signs[turned] *= -1
    subset = find_subset(signs)
    assert subset.size <= 32
    rebuilt = join_units(subset.kernels, subset.indices)
    rebuilt[subset.flipped] *= -1
    np.testing.assert_array_equal(rebuilt, signs)


def test_paired_units_that_are_a_product_of_single_ones_stay_single() -> None:
    subset = find_subset(layer_signs(64, 64, (3, 3), 1, 8))
    assert (subset.unit, subset.size) == (1, 8)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((64, 64, 3, 3), "4,096 units of 9 bits use 512 distinct kernels"),
        ((8, 8, 3, 3), "64 units of 9 bits use"),
        ((64, 64, 1, 1), "512 units of 8 bits use"),
        ((4, 3, 1, 1), "3 input channels do not divide into units of 4 to 64 bits"),
    ],
)
def test_random_binary_layers_are_no_sub_bit_layers(shape, reason) -> None:
    generator = np.random.default_rng(0)
    found = find_subset(generator.choice(np.array([-1, 1], np.int8), shape))
    assert not isinstance(found, Subset)
    assert found.startswith(reason)


@pytest.mark.parametrize("size", [16, 32, 64])
def test_paired_units_are_told_from_single_ones_that_repeat(size: int) -> None:
    for channels in (16, 64):
        paired = find_subset(layer_signs(channels, channels, (3, 3), 2, size))
        assert (paired.unit, paired.size) == (2, size)


@pytest.mark.parametrize("size", [1, 3, 5, 17, 33])
def test_a_subset_of_no_power_of_two_keeps_the_usual_unit(size: int) -> None:
    """Indices of joint units waste fewer bits there, but no structure of theirs is behind it."""
    generator = np.random.default_rng(size)
    codes = generator.choice(512, size, replace=False).astype(np.uint64)
    often = generator.dirichlet(np.full(size, 0.3))
    indices = generator.choice(size, (64, 64), p=often)
    indices.flat[:size] = np.arange(size)
    signs = join_units(signs_from_codes(codes, (1, 3, 3)), indices)
    subset = find_subset(signs)
    assert (subset.unit, subset.size) == (1, size)
