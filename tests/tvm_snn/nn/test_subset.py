"""Drawing subsets and finding the nearest kernel in them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tvm_snn.errors import ModelError
from tvm_snn.nn import sample_subset
from tvm_snn.nn.nearest_kernel import gather_kernels, nearest_kernels

UNITS = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@given(UNITS, st.integers(0, 6), st.integers(0, 99))
def test_a_subset_has_distinct_binary_kernels(unit, tau, seed):
    g, kh, kw = unit
    size = 2 ** min(tau, g * kh * kw)
    subset = sample_subset(size, unit, seeded(seed))
    assert subset.dtype == torch.int8
    assert subset.shape == (size, g, kh, kw)
    assert set(subset.unique().tolist()) <= {-1, 1}
    assert len(torch.unique(subset.flatten(1), dim=0)) == size


def test_a_subset_can_hold_every_pattern():
    assert len(torch.unique(sample_subset(512, (1, 3, 3)).flatten(1), dim=0)) == 512


def test_units_of_more_than_64_bits_are_sampled():
    assert len(torch.unique(sample_subset(64, (8, 3, 3)).flatten(1), dim=0)) == 64


def test_the_seed_decides_the_subset():
    first, again, other = (sample_subset(32, (1, 3, 3), seeded(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_every_pattern_is_equally_likely():
    counts = torch.zeros(8)
    generator = seeded(0)
    for _ in range(2000):
        bits = (sample_subset(2, (1, 1, 3), generator).flatten(1) > 0).long()
        counts[bits @ torch.tensor([1, 2, 4])] += 1
    # Binomial(2000, 1/4): mean 500, standard deviation 19.
    assert (counts - 500).abs().max() < 5 * 19


@pytest.mark.parametrize(("size", "unit"), [(0, (1, 3, 3)), (5, (1, 1, 2)), (1, (0, 3, 3))])
def test_impossible_subsets_are_named(size, unit):
    with pytest.raises(ModelError, match=f"subset of {size} kernels"):
        sample_subset(size, unit)


@given(
    unit=UNITS,
    outputs=st.integers(1, 5),
    units=st.integers(1, 4),
    size=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_nearest_kernel_agrees_with_brute_force(unit, outputs, units, size, seed):
    g, kh, kw = unit
    subset = sample_subset(min(size, 2 ** (g * kh * kw)), unit, seeded(seed))
    weight = torch.randn(outputs, units * g, kh, kw, generator=seeded(seed + 1))
    indices = nearest_kernels(weight, subset)
    assert indices.shape == (outputs, units)
    binary = gather_kernels(indices, subset)
    assert binary.shape == weight.shape
    for o in range(outputs):
        for u in range(units):
            block = weight[o, u * g : (u + 1) * g].double()
            distances = ((subset.double() - block) ** 2).sum(dim=(1, 2, 3))
            assert distances[indices[o, u]] <= distances.min() + 1e-5
            assert torch.equal(binary[o, u * g : (u + 1) * g], subset[indices[o, u]])


def test_ties_go_to_the_lowest_index():
    weight = torch.zeros(2, 3, 3, 3)
    assert not nearest_kernels(weight, sample_subset(8, (1, 3, 3))).any()
