"""The refined subset, step by step against its formulas."""

from functools import partial

import pytest
import torch
from torch import nn

from tvm_snn.nn import SubBitConv2d
from tvm_snn.nn.subsets import NegationClosedSubset, RefinedSubset


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def policy(size=8, **options):
    return RefinedSubset(size, (1, 3, 3), seeded(0), **options)


class ByTheFormulas(nn.Module):
    """Kernel-aware binarisation written with distances and detach arithmetic, for 3x3 kernels."""

    def __init__(self, weight, patterns, period):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.patterns = nn.Parameter(patterns.reshape(-1, 9).clone())
        self.memory = torch.sign(self.patterns.detach())
        self.period, self.step = period, 0

    def forward(self, x):
        confident = (self.patterns.detach().abs() >= 1e-3).float()
        self.memory = torch.sign(self.patterns.detach()) * confident + self.memory * (1 - confident)
        units = self.weight.detach().reshape(-1, 1, 9)
        nearest = (units - self.memory[None]).norm(dim=2).argmin(dim=1)
        binary = self.memory[nearest].reshape(self.weight.shape)
        clipped = self.weight.clamp(-1, 1)
        through = binary - clipped.detach() + clipped
        self.step += 1
        if self.step % self.period == 0:
            chosen = self.patterns[nearest].reshape(self.weight.shape)
            through = through - chosen.detach() + chosen
            self.patterns.data.clamp_(-3, 3)
        scale = self.weight.detach().abs().mean(dim=(1, 2, 3), keepdim=True)
        return nn.functional.conv2d(x, scale * through, padding=1)


def test_training_follows_the_formulas_of_the_authors_code():
    """The same losses and updates for 40 steps in which no kernel repeats, memory included."""
    conv = SubBitConv2d(
        6, 16, padding=1, tau=3, generator=seeded(3), subset=lambda *a: RefinedSubset(*a, period=5)
    ).double()
    conv.weight.data.mul_(3)
    conv.policy.patterns.data.copy_(0.02 * torch.randn(8, 1, 3, 3, generator=seeded(5)))
    conv.policy.subset.copy_(torch.sign(conv.policy.patterns))
    reference = ByTheFormulas(conv.weight.detach(), conv.policy.patterns.detach(), period=5)
    x = torch.randn(4, 6, 7, 7, generator=seeded(5), dtype=torch.float64)
    target = torch.randn(4, 16, 7, 7, generator=seeded(6), dtype=torch.float64)
    optimizers = [torch.optim.SGD(m.parameters(), 0.01, momentum=0.9) for m in (conv, reference)]
    start = conv.subset.clone()
    for _ in range(40):
        losses = []
        for module, optimizer in zip((conv, reference), optimizers, strict=True):
            loss = nn.functional.mse_loss(module(x), target)
            # Zeros, not None: momentum moves the patterns between learning steps in both.
            optimizer.zero_grad(set_to_none=False)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-9)
        torch.testing.assert_close(conv.policy.patterns.flatten(1), reference.patterns)
        assert torch.equal(conv.subset.flatten(1).double(), reference.memory)
    assert not torch.equal(conv.subset, start)


def test_the_memory_flips_only_where_the_pattern_is_confident():
    refined = policy(threshold=0.1)
    before = refined.subset.clone()
    refined.patterns.data = -0.05 * before.float()
    refined.advance(torch.zeros(1, 1, 3, 3))
    assert torch.equal(refined.subset, before)
    refined.patterns.data[2, 0, 1, 1] = -0.1 * before[2, 0, 1, 1].float()
    refined.advance(torch.zeros(1, 1, 3, 3))
    flipped = before.clone()
    flipped[2, 0, 1, 1] *= -1
    assert torch.equal(refined.subset, flipped)


@pytest.mark.parametrize("unit", [(1, 3, 3), (2, 3, 3), (8, 1, 1)])
def test_repeated_kernels_are_replaced_in_a_learning_step_and_the_others_stay(unit):
    refined = RefinedSubset(8, unit, seeded(0), period=2)
    refined.patterns.data[5] = 2 * refined.patterns[1]
    refined.patterns.data[6] = refined.patterns[1]
    before = refined.patterns.detach().clone()
    refined.advance(torch.zeros(1, unit[0], *unit[1:]))
    assert torch.equal(refined.subset[5], refined.subset[1])
    refined.advance(torch.zeros(1, unit[0], *unit[1:]))
    assert len(torch.unique(refined.subset.flatten(1), dim=0)) == 8
    others = [0, 1, 2, 3, 4, 7]
    assert torch.equal(refined.patterns[others], before[others])
    replaced = refined.patterns[[5, 6]].detach()
    assert torch.equal(replaced, refined.subset[[5, 6]].float())


def test_replacement_depends_on_seed_and_step_alone():
    def replaced(steps):
        refined = RefinedSubset(8, (1, 3, 3), seeded(0), period=1)
        refined.step.fill_(steps)
        refined.patterns.data[5] = refined.patterns[1]
        torch.rand(7)
        refined.advance(torch.zeros(1, 1, 3, 3))
        return refined.subset[5]

    assert torch.equal(replaced(3), replaced(3))
    assert len({tuple(replaced(steps).flatten().tolist()) for steps in range(6)}) > 3


def test_a_subset_of_all_patterns_can_be_tidied():
    refined = RefinedSubset(4, (1, 1, 2), seeded(0), period=1)
    refined.patterns.data[3] = refined.patterns[0]
    refined.advance(torch.zeros(1, 1, 1, 2))
    assert len(torch.unique(refined.subset.flatten(1), dim=0)) == 4


def test_entries_start_as_far_from_flipping_as_was_asked_for():
    refined = policy(period=1, start=0.25)
    assert torch.equal(refined.patterns, 0.25 * refined.subset.float())
    refined.patterns.data[5] = refined.patterns[1]
    refined.advance(torch.zeros(1, 1, 3, 3))
    assert torch.equal(refined.patterns, 0.25 * refined.subset.float())


def test_patterns_are_clipped():
    refined = policy(period=1, limit=0.5)
    refined.advance(torch.zeros(1, 1, 3, 3))
    assert refined.patterns.abs().max() == 0.5


def test_the_memory_stays_after_the_last_step():
    refined = policy(period=1, last_step=2)
    for step, moves in ((1, True), (2, True), (3, False), (4, False)):
        before = refined.subset.clone()
        refined.patterns.data[0].mul_(-1)
        refined.advance(torch.zeros(1, 1, 3, 3))
        assert int(refined.step) == step
        assert torch.equal(before, refined.subset) != moves
        assert refined.learned()[1] == moves


@pytest.mark.parametrize("unit", [1, 2])
def test_centred_kernels_learn_what_their_gradients_do_not_share(unit):
    def gradients(kind, centred):
        conv = SubBitConv2d(
            6,
            16,
            padding=1,
            tau=3,
            unit=unit,
            generator=seeded(3),
            subset=partial(kind, period=1, centred=centred),
        ).double()
        conv(
            torch.randn(4, 6, 7, 7, generator=seeded(5), dtype=torch.float64)
        ).square().sum().backward()
        return conv.policy.patterns.grad

    plain = gradients(RefinedSubset, False)
    assert plain.mean(dim=0).abs().max() > 1e-3
    torch.testing.assert_close(gradients(RefinedSubset, True), plain - plain.mean(dim=0))
    # What a kernel and its negative share has gone already.
    closed = [gradients(NegationClosedSubset, centred) for centred in (False, True)]
    torch.testing.assert_close(*closed)


@pytest.mark.parametrize("kind", [RefinedSubset, NegationClosedSubset])
def test_agreed_entries_follow_unless_most_weights_that_use_them_are_against(kind):
    refined = kind(8, (1, 3, 3), seeded(0), threshold=0.1, agreed=True)
    latent = torch.randn(8, 4, 3, 3, generator=seeded(1))
    before = refined.subset.clone()
    users = refined.indices(latent).flatten()
    refined.patterns.data = -refined.patterns.data
    refined.advance(latent)
    learned = len(refined.patterns)
    for k in range(learned):
        units = latent.flatten(0, 1)[users == k]
        if kind is NegationClosedSubset:
            units = torch.cat([units, -latent.flatten(0, 1)[users == k + learned]])
        votes = units.sign().sum(dim=0) * -before[k]
        assert torch.equal(refined.subset[k], torch.where(votes >= 0, -before[k], before[k]))
    assert not torch.equal(refined.subset, before)
    assert not torch.equal(refined.subset[:learned], -before[:learned])


def test_a_kernel_that_no_weight_uses_follows_its_pattern():
    refined = policy(agreed=True)
    latent = refined.subset[:1].float().repeat(4, 1, 1, 1)
    before = refined.subset.clone()
    refined.patterns.data = -refined.patterns.data
    refined.advance(latent)
    assert torch.equal(refined.subset[0], before[0])
    assert torch.equal(refined.subset[1:], -before[1:])
