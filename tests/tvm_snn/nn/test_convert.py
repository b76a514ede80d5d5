"""Turning float networks into sub-bit ones."""

import pytest
import torch
from torch import nn

from tvm_snn.errors import ModelError
from tvm_snn.nn import (
    BinaryActivation,
    BinaryConv2d,
    BinaryLinear,
    SubBitConv2d,
    SubBitLinear,
    convert,
    first_and_last,
)


class Block(nn.Module):
    """A bottleneck in the style of torchvision: one ReLU for three convolutions."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 1, bias=False)
        self.conv2 = nn.Conv2d(16, 16, 3, stride=2, padding=1, dilation=1, groups=2)
        self.conv3 = nn.Conv2d(16, channels, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.conv3(self.relu(self.conv2(self.relu(self.conv1(x)))))


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        Block(16),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


def test_layers_keep_geometry_weights_and_names():
    model = network()
    old = model[1].conv2
    assert convert(model, tau=4, activations="W1A32") is model
    new = model[1].conv2
    assert isinstance(new, SubBitConv2d)
    assert new.subset.shape == (16, 1, 3, 3)
    assert new.weight is old.weight
    assert new.bias is old.bias
    for name in ("stride", "padding", "dilation", "groups", "kernel_size"):
        assert getattr(new, name) == getattr(old, name)
    assert isinstance(model[4], SubBitLinear)
    assert model[4].subset.shape == model[1].conv1.subset.shape == (16, 8, 1, 1)
    assert [type(model[i]) for i in (0, 6)] == [nn.Conv2d, nn.Linear]
    assert model(torch.randn(2, 3, 8, 8)).shape == (2, 10)


def test_signs_and_bodies_are_put_in():
    model = convert(network(), tau=None, body="hardtanh")
    assert isinstance(model[1].conv1.sign, BinaryActivation)
    assert isinstance(model[1].conv1.layer, BinaryConv2d)
    assert isinstance(model[4].layer, BinaryLinear)
    assert isinstance(model[5], nn.Hardtanh)
    assert isinstance(model[1].relu, nn.Hardtanh)
    assert isinstance(convert(network(), body="prelu")[5], nn.PReLU)
    model(torch.randn(2, 3, 8, 8)).sum().backward()


def test_options_reach_the_layers():
    model = convert(
        network(),
        skip={"0", "6", "1.conv1"},
        unit=2,
        subset_size=24,
        pointwise_tau=3,
        subset="refined",
        estimator="error_decay",
        balanced=True,
        generator=torch.Generator().manual_seed(0),
    )
    conv, dense = model[1].conv2.layer, model[4].layer
    assert isinstance(model[1].conv1, nn.Conv2d)
    assert conv.subset.shape == (24, 2, 3, 3)
    assert dense.subset.shape == (8, 8, 1, 1)
    for layer in (conv, dense):
        assert layer.balanced
        assert layer.slope.estimator == "error_decay"
        assert type(layer.policy).__name__ == "RefinedSubset"


def test_the_mode_and_dtype_of_the_model_stay():
    model = convert(network().double().eval())
    assert not any(module.training for module in model.modules())
    assert model(torch.randn(1, 3, 8, 8).double()).dtype == torch.float64


def test_first_and_last():
    assert first_and_last(network()) == {"0", "6"}
    assert first_and_last(nn.ReLU()) == set()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda model: model, {"skip": {"7"}}, "skip names 7.*0, 1.conv1"),
        (lambda model: model[5:], {}, "nothing to convert"),
        (lambda model: model, {"unit": 3}, r"1.conv2 cannot.*8 input channels.*unit = 3.*skip"),
        (lambda _: nn.Linear(8, 8), {"skip": ()}, "a single layer"),
        (
            lambda _: nn.Sequential(nn.Conv2d(8, 8, 3, padding="same")),
            {"skip": ()},
            "0 cannot.*'same'",
        ),
    ],
)
def test_what_cannot_be_converted_is_named(change, options, message):
    with pytest.raises(ModelError, match=message):
        convert(change(network()), **options)
