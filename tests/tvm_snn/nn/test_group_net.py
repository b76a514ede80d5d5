"""Group-Net's decompositions, against their formulas and compiled."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import tvm_snn
from tvm_snn.errors import ModelError
from tvm_snn.nn import (
    BinarizedLayer,
    BinaryConv2d,
    Group,
    Groups,
    LayerWiseConv2d,
    SubBitConv2d,
    UniformActivation,
)
from tvm_snn.relay_passes import merge_branches
from tvm_snn.zoo import group_alexnet, group_net
from tvm_snn.zoo.layers import Kernels
from tvm_snn.zoo.resnet import ResidualUnit

DECOMPOSITIONS = ["layer-wise", "v1", "v2", "v3"]


def test_the_layer_wise_sum_is_that_of_its_bases():
    layer = LayerWiseConv2d(lambda channels: BinaryConv2d(4, channels, padding=1), 6, 3)
    layer.scale.data = torch.tensor([0.5, -1.0, 2.0])
    x = torch.randn(2, 4, 5, 5)
    expected = 0
    for m, scale in enumerate([0.5, -1.0, 2.0]):
        base = BinaryConv2d(4, 6, padding=1)
        base.weight.data = layer.wide.weight[6 * m : 6 * m + 6].detach().clone()
        expected = expected + scale * base(x)
    torch.testing.assert_close(layer(x), expected)
    layer(x).sum().backward()
    assert layer.scale.grad.abs().min() > 0


def test_groups_connect_softly():
    torch.manual_seed(0)
    groups = Groups([lambda: nn.Conv2d(2, 2, 1)] * 3, bases=2, soft=True)
    first, second, third = groups.groups
    assert first.theta is None
    second.theta.data = torch.tensor([0.3, -1.2])
    third.theta.data = torch.tensor([2.0, 0.1])
    x = torch.randn(1, 2, 3, 3)
    own = [branch(x) for branch in first.branches]
    total = sum(s * y for s, y in zip(first.scale, own, strict=True))
    for group in (second, third):
        gates = 1 / (1 + (-group.theta).exp())
        seen = [c * y + (1 - c) * total for c, y in zip(gates, own, strict=True)]
        own = [branch(v) for branch, v in zip(group.branches, seen, strict=True)]
        total = sum(s * y for s, y in zip(group.scale, own, strict=True))
    torch.testing.assert_close(groups(x), total)
    groups(x).square().sum().backward()
    assert second.theta.grad.abs().min() > 0


def test_without_soft_connections_branches_see_the_sum():
    groups = Groups([lambda: nn.Conv2d(2, 2, 1)] * 2, bases=2, soft=False)
    x = torch.randn(1, 2, 3, 3)
    total = x
    for group in groups.groups:
        assert group.theta is None
        total = sum(s * b(total) for s, b in zip(group.scale, group.branches, strict=True))
    torch.testing.assert_close(groups(x), total)


@pytest.mark.parametrize("decomposition", DECOMPOSITIONS)
def test_networks_have_the_groups_that_the_paper_says(decomposition):
    model = group_net(decomposition, bases=3, width=8, depth=2, input_shape=(1, 16, 16))
    assert model(torch.randn(2, 1, 16, 16)).shape == (2, 10)
    layers = [module for module in model.modules() if isinstance(module, BinarizedLayer)]
    units = 3 * 2 * 2
    assert len(layers) == (units if decomposition == "layer-wise" else 3 * units)
    assert sum(layer.out_channels for layer in layers) == 3 * 4 * (8 + 16 + 32)
    groups = {"layer-wise": 0, "v1": 6, "v2": 3, "v3": 1}[decomposition]
    assert len([m for m in model.modules() if isinstance(m, Group)]) == groups
    assert len([n for n, _ in model.named_parameters() if "theta" in n]) == max(groups - 1, 0)
    model.train()(torch.randn(4, 1, 16, 16)).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_layer_wise_bases_run_as_one_wide_convolution():
    torch.manual_seed(0)
    wide = LayerWiseConv2d(lambda channels: SubBitConv2d(16, channels, tau=4), 32, 4)
    model = nn.Sequential(UniformActivation(2), wide)
    (row,) = tvm_snn.inspect(model, (torch.zeros(1, 16, 8, 8),)).rows
    assert (row.verdict, row.tau, row.activation) == ("sub-bit", 4, "W1A2")
    assert row.weight_bits == 4 * 16 * 4 * 32


def small_alexnet(decomposition, **options):
    return group_alexnet(
        decomposition, bases=2, num_classes=5, input_shape=(1, 63, 63), width=16, **options
    )


@pytest.mark.parametrize("decomposition", ["layer-wise", "s1"])
def test_alexnet_has_a_group_for_each_inner_convolution(decomposition):
    model = small_alexnet(decomposition).train()
    out = model(torch.randn(3, 1, 63, 63))
    assert out.shape == (3, 5)
    convolutions = [module for module in model.modules() if isinstance(module, BinaryConv2d)]
    outputs = [48, 96, 64, 64]
    groups = [module for module in model.modules() if isinstance(module, Group)]
    if decomposition == "s1":
        assert [layer.out_channels for layer in convolutions] == [n for n in outputs for _ in "ab"]
        assert [group.theta is None for group in groups] == [True, False, False, False]
    else:
        assert [layer.out_channels for layer in convolutions] == [2 * n for n in outputs]
        assert not groups
    out.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.slow
def test_a_compiled_alexnet_computes_the_same():
    model = small_alexnet("s1", tau=4)
    x = torch.randn(1, 1, 63, 63, generator=torch.Generator().manual_seed(2))
    network = tvm_snn.compile(model, "host", example_inputs=(x,))
    rows = [row for row in network.report().rows if row.verdict == "sub-bit"]
    assert len(rows) == 2 * 4 + 2
    np.testing.assert_allclose(network(x), model(x).detach().numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_compiled_groups_compute_the_same():
    torch.manual_seed(0)
    unit = partial(ResidualUnit, 16, 16, 1, Kernels(4), "W1A1")
    model = Groups([unit, unit], bases=2, soft=True).eval()
    x = torch.randn(1, 16, 6, 6, generator=torch.Generator().manual_seed(2))
    network = tvm_snn.compile(model, "host", example_inputs=(x,))
    assert [row.tau for row in network.report().rows] == [4] * 4
    np.testing.assert_allclose(network(x), model(x).detach().numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_branches_that_share_an_input_run_as_one_convolution(monkeypatch):
    """To the bit as each alone, and as PyTorch but for rounding."""
    torch.manual_seed(0)

    def branch():
        unit = ResidualUnit(8, 8, 1, Kernels(None), "W1A1")
        unit.bias_in = nn.Identity()
        return unit

    model = Groups([branch, branch], bases=3, soft=True).eval()
    x = torch.randn(1, 8, 6, 6, generator=torch.Generator().manual_seed(2))
    network = tvm_snn.compile(model, "host", example_inputs=(x,))
    merged = [row.name for row in network.report().rows if "one conv" in row.strategy_reason]
    # The second group's branches see three images.
    assert merged == [f"groups.0.branches.{m}.conv" for m in range(3)]
    measured = tvm_snn.profile(network, x, runs=1)
    layers = {row.name for row in measured.report.rows}
    kernels = sum(k.microseconds for k in measured.kernels if layers & set(k.computes))
    assert sum(row.microseconds for row in measured.report.rows) == pytest.approx(kernels)
    assert f"one kernel computes {', '.join(merged)}" in measured.summary()
    monkeypatch.setattr(merge_branches, "MOST_OUTPUTS", 0)
    apart = tvm_snn.compile(model, "host", example_inputs=(x,), verify=False)
    assert not any("one conv" in row.strategy_reason for row in apart.report().rows)
    np.testing.assert_array_equal(network(x), apart(x))
    np.testing.assert_allclose(network(x), model(x).detach().numpy(), rtol=1e-3, atol=1e-3)


def test_what_cannot_be_is_named():
    with pytest.raises(ModelError, match="unknown decomposition 'v4'"):
        group_net("v4")
    with pytest.raises(ModelError, match="unknown decomposition 's2'"):
        group_alexnet("s2")
    with pytest.raises(ModelError, match="bases = 0"):
        Groups([nn.Identity], 0, True)
    with pytest.raises(ModelError, match="bases = 0"):
        group_net("layer-wise", bases=0)
