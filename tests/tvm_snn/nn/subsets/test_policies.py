"""How each policy starts and moves its subset."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tvm_snn.errors import ModelError
from tvm_snn.nn import POLICIES, BinaryConv2d, SubBitConv2d
from tvm_snn.nn.nearest_kernel import nearest_kernels
from tvm_snn.nn.subsets import (
    CodewordSubset,
    FrequentSubset,
    FullSubset,
    NegationClosedSubset,
    RefinedSubset,
    UniformSubset,
    VanillaSubset,
)
from tvm_snn.nn.subsets.codes import kernel_codes, kernels_of_codes

MOVING = ["refined", "frequent", "frequent-10", "negation-closed", "codewords"]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def distinct(kernels):
    return len(torch.unique(kernels.flatten(1), dim=0))


def train(conv, steps, seed=0, rate=0.05):
    """Fit the layer to a random convolution by SGD with momentum; return the subsets it had."""
    optimizer = torch.optim.SGD(conv.parameters(), rate, momentum=0.9)
    x = torch.randn(4, conv.in_channels, 6, 6, generator=seeded(seed))
    weight = torch.randn(conv.weight.shape, generator=seeded(seed + 1))
    subsets = []
    for _ in range(steps):
        loss = nn.functional.mse_loss(conv(x), nn.functional.conv2d(x, weight))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        subsets.append(conv.subset.clone())
    return subsets


@given(st.lists(st.integers(0, 511), min_size=1, max_size=20))
def test_codes_and_kernels_are_inverse(codes):
    kernels = kernels_of_codes(torch.tensor(codes), (1, 3, 3))
    assert kernel_codes(kernels).tolist() == codes
    assert [
        sum((entry > 0) << i for i, entry in enumerate(kernel.flatten().tolist()))
        for kernel in kernels
    ] == codes


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(("unit", "size"), [(1, 8), (1, 32), (1, 512)])
def test_every_policy_keeps_distinct_binary_kernels_of_the_size_asked_for(name, unit, size):
    conv = SubBitConv2d(4, 64, subset=name, subset_size=size, unit=unit, generator=seeded(0))
    for subset in [conv.subset, *train(conv, 3)]:
        assert subset.dtype == torch.int8
        assert subset.shape == (size, unit, 3, 3)
        assert set(subset.unique().tolist()) == {-1, 1}
        assert distinct(subset) == size


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "codewords"])
def test_policies_take_paired_units(name):
    conv = SubBitConv2d(4, 64, subset=name, subset_size=64, unit=2, generator=seeded(0))
    for subset in train(conv, 3):
        assert subset.shape == (64, 2, 3, 3)
        assert distinct(subset) == 64


@pytest.mark.parametrize("name", POLICIES)
def test_evaluation_moves_nothing(name):
    conv = SubBitConv2d(4, 8, subset=name, generator=seeded(0)).eval()
    before = {key: value.clone() for key, value in conv.state_dict().items()}
    conv(torch.randn(1, 4, 5, 5))
    for key, value in conv.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("name", MOVING)
def test_moving_policies_move_and_the_others_do_not(name):
    moving = SubBitConv2d(4, 64, tau=4, subset=name, generator=seeded(0))
    if hasattr(moving.policy, "patterns"):
        # They start at +1 and -1, which is a long way from flipping.
        moving.policy.patterns.data.mul_(0.02)
    if hasattr(moving.policy, "scores"):
        moving.policy.scores.data.mul_(0.02)
    start = moving.subset.clone()
    assert not torch.equal(start, train(moving, 60)[-1])
    for still in ("vanilla", "uniform"):
        conv = SubBitConv2d(4, 64, tau=4, subset=still, generator=seeded(0))
        assert all(torch.equal(conv.subset, subset) for subset in train(conv, 60))
        assert not [key for key in conv.state_dict() if "step" in key]


def test_uniform_kernels_stand_at_equal_intervals():
    assert kernel_codes(UniformSubset(32, (1, 3, 3)).subset).tolist() == list(range(0, 512, 16))
    assert kernel_codes(UniformSubset(3, (1, 2, 2)).subset).tolist() == [0, 5, 10]


def test_the_full_subset_is_the_binary_layer():
    full = SubBitConv2d(4, 6, tau=9, subset=FullSubset, generator=seeded(3))
    binary = BinaryConv2d(4, 6)
    binary.weight = full.weight
    assert torch.equal(full.effective_weight(), binary.effective_weight())
    searched = nearest_kernels(full.weight.detach(), full.subset)
    assert torch.equal(full.kernel_indices(), searched)


def test_frequent_kernels_are_the_most_common_signs():
    weight = torch.randn(40, 6, 3, 3, generator=seeded(0))
    weight[:, :3] = weight[:1, :1].abs() * torch.tensor([1.0, -1.0, 1.0]).view(1, 3, 1, 1)
    policy = FrequentSubset(4, (1, 3, 3), seeded(1))
    policy.advance(weight)
    units = ["".join("+" if entry >= 0 else "-" for entry in u) for u in weight.reshape(-1, 9)]
    counts = sorted((units.count(unit) for unit in set(units)), reverse=True)
    found = ["".join("+" if e > 0 else "-" for e in k) for k in policy.subset.reshape(-1, 9)]
    assert [units.count(kernel) for kernel in found] == counts[:4]
    assert found[:2] == ["+" * 9, "-" * 9]


def test_frequent_kernels_are_counted_every_period():
    policy = FrequentSubset(4, (1, 3, 3), seeded(1), period=3)
    subsets = []
    for step in range(7):
        policy.advance(torch.randn(40, 6, 3, 3, generator=seeded(step)))
        subsets.append(policy.subset.clone())
    changed = [not torch.equal(a, b) for a, b in itertools.pairwise(subsets)]
    assert changed == [False, False, True, False, False, True]


def test_too_few_patterns_leave_earlier_kernels():
    policy = FrequentSubset(4, (1, 3, 3), seeded(1))
    start = policy.subset.clone()
    policy.advance(torch.ones(2, 2, 3, 3))
    assert torch.equal(policy.subset[0], torch.ones(1, 3, 3, dtype=torch.int8))
    assert distinct(policy.subset) == 4
    kept = {tuple(kernel) for kernel in start.reshape(4, 9).tolist()}
    assert sum(tuple(kernel) in kept for kernel in policy.subset.reshape(4, 9).tolist()) >= 3


def test_negation_closed_subsets_stay_closed():
    conv = SubBitConv2d(4, 64, tau=4, subset=NegationClosedSubset, generator=seeded(0))
    conv.policy.patterns.data.mul_(0.02)
    subsets = [conv.subset.clone(), *train(conv, 50)]
    assert not torch.equal(subsets[0], subsets[-1])
    assert all(torch.equal(subset[8:], -subset[:8]) for subset in subsets)
    # Momentum may make kernels meet between learning steps; those part them again.
    assert all(distinct(subsets[step]) == 16 for step in (0, 25, 50))


def test_the_gradient_of_a_negative_counts_negatively():
    conv = SubBitConv2d(3, 16, tau=3, subset=NegationClosedSubset, generator=seeded(0))
    conv.policy.step.fill_(24)
    weight = conv.effective_weight()
    upstream = torch.randn(weight.shape, generator=seeded(1))
    (weight * upstream).sum().backward()
    scale = conv.weight.detach().abs().mean(dim=(1, 2, 3), keepdim=True)
    indices, expected = conv.kernel_indices(), torch.zeros(4, 1, 3, 3)
    for o, c in itertools.product(range(16), range(3)):
        k = int(indices[o, c])
        expected[k % 4, 0] += (1 if k < 4 else -1) * (scale * upstream)[o, c]
    torch.testing.assert_close(conv.policy.patterns.grad, expected)


def test_codewords_are_the_best_assignment_of_the_noisy_scores():
    policy = CodewordSubset(4, (1, 1, 3), seeded(0), noise=0.5)
    policy.scores.data.copy_(torch.randn(8, 4, generator=seeded(1)))
    policy.advance(torch.zeros(1, 1, 1, 3))
    noisy = (policy.scores + 0.5 * policy.gumbel).detach()
    best = max(
        itertools.permutations(range(8), 4),
        key=lambda rows: sum(float(noisy[row, k]) for k, row in enumerate(rows)),
    )
    assert tuple(kernel_codes(policy.subset).tolist()) == best


def test_codewords_start_at_a_score_and_stay_after_the_last_step():
    policy = CodewordSubset(4, (1, 1, 3), seeded(0), start=0.25, last_step=1)
    drawn = kernel_codes(policy.subset)
    assert torch.equal(policy.scores[drawn], 0.25 * torch.eye(4))
    policy.scores.data.mul_(-100)
    policy.advance(torch.zeros(1, 1, 1, 3))
    others = policy.subset.clone()
    assert (kernel_codes(others) != drawn).all()
    policy.scores.data.mul_(-1)
    policy.advance(torch.zeros(1, 1, 1, 3))
    assert torch.equal(policy.subset, others)


def test_relaxed_codewords_come_from_a_doubly_stochastic_matrix():
    """Against Sinkhorn's iteration on the whole square matrix, the dropped columns included."""
    policy = CodewordSubset(3, (1, 1, 3), seeded(0), temperature=1.0, iterations=40)
    policy.scores.data.copy_(torch.randn(8, 3, generator=seeded(1)))
    square = torch.zeros(8, 8)
    square[:, :3] = policy.scores.detach()
    selection = (square / policy.temperature).exp()
    for _ in range(40):
        selection /= selection.sum(dim=1, keepdim=True)
        selection /= selection.sum(dim=0, keepdim=True)
    torch.testing.assert_close(selection.sum(dim=1), torch.ones(8), atol=1e-3, rtol=0)
    codebook = kernels_of_codes(torch.arange(8), (1, 1, 3)).float().flatten(1)
    kernels, factor = policy.learned()
    torch.testing.assert_close(kernels.flatten(1), selection[:, :3].t() @ codebook)
    assert factor == 1


def test_codewords_are_learned_end_to_end():
    """Alone, the choice of kernels brings a layer nearer to one with other kernels."""
    truth = SubBitConv2d(8, 32, tau=2, generator=seeded(5))
    x = torch.randn(8, 8, 6, 6, generator=seeded(6))
    target = truth(x).detach()
    conv = SubBitConv2d(8, 32, tau=2, subset=CodewordSubset, generator=seeded(0))
    conv.weight.data.copy_(truth.weight)
    optimizer = torch.optim.Adam([conv.policy.scores], 0.1)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(conv(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VanillaSubset(1024, (1, 3, 3)), "subset of 1024 kernels"),
        (lambda: UniformSubset(0, (1, 3, 3)), "subset of 0 kernels"),
        (lambda: UniformSubset(4, (8, 3, 3)), "72 entries"),
        (lambda: FrequentSubset(4, (8, 3, 3)), "72 entries"),
        (lambda: FrequentSubset(4, (1, 3, 3), period=0), "period = 0"),
        (lambda: RefinedSubset(4, (1, 3, 3), period=0), "period = 0"),
        (lambda: NegationClosedSubset(7, (1, 3, 3)), "not 7"),
        (lambda: FullSubset(32, (1, 3, 3)), "has 512 kernels, not 32"),
        (lambda: FullSubset(None, (2, 3, 3)), r"2\^18 kernels"),
        (lambda: CodewordSubset(64, (2, 3, 3)), r"2\^18 kernels"),
        (lambda: SubBitConv2d(4, 4, subset="best"), "no subset policy 'best'.*refined"),
    ],
)
def test_what_cannot_be_is_named(make, message):
    with pytest.raises(ModelError, match=message):
        make()
