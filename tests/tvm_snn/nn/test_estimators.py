"""Gradients of the error decay estimator, IR-Net's weights, and k-bit activations."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tvm_snn.errors import ModelError
from tvm_snn.nn import (
    BinaryActivation,
    BinaryConv2d,
    BinaryLinear,
    SubBitConv2d,
    SubBitLinear,
    UniformActivation,
    set_float_weights,
    set_progress,
)


def gradient(module, x):
    x = x.clone().requires_grad_()
    module(x).sum().backward()
    return x.grad


@given(st.floats(0, 1), st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=20))
def test_error_decay_is_the_derivative_of_the_published_surrogate(progress, values):
    x = torch.tensor(values, dtype=torch.float64)
    t = 0.1 * 100**progress
    k = max(1 / t, 1)
    sign = BinaryActivation("error_decay").double()
    set_progress(sign, progress)
    expected = gradient(lambda v: k * torch.tanh(t * v), x)
    torch.testing.assert_close(gradient(sign, x), expected, rtol=1e-5, atol=1e-7)
    assert torch.equal(sign(x), x.sign())


def test_progress_is_state():
    sign, other = BinaryActivation("error_decay"), BinaryActivation("error_decay")
    set_progress(sign, 0.75)
    other.load_state_dict(sign.state_dict())
    assert other.slope.progress == 0.75
    assert not BinaryActivation("clipped").state_dict()


@pytest.mark.parametrize("estimator", ["clipped", "polynomial", "error_decay"])
@pytest.mark.parametrize("kind", [BinaryConv2d, SubBitConv2d])
def test_weights_learn_through_the_estimator_chosen(kind, estimator):
    conv = kind(4, 6, estimator=estimator)
    conv.weight.data.uniform_(-1.5, 1.5)
    set_progress(conv, 0.5)
    upstream = torch.randn(conv.weight.shape)
    (conv.effective_weight() * upstream).sum().backward()
    slope = gradient(BinaryActivation(estimator), conv.weight.detach())
    if estimator == "error_decay":
        slope = 1 - conv.weight.detach().tanh().square()
    scale = conv.weight.detach().abs().mean(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(conv.weight.grad, scale * slope * upstream)


@pytest.mark.parametrize("kind", [BinaryConv2d, SubBitConv2d])
def test_balanced_weights_are_standardised_and_scaled_by_powers_of_two(kind):
    conv = kind(4, 6, balanced=True).double()
    conv.weight.data.add_(0.3)
    weight = conv.weight.detach()
    for o in range(6):
        standard = (weight[o] - weight[o].mean()) / weight[o].std()
        torch.testing.assert_close(conv.latent()[o].detach(), standard)
        scale = 2.0 ** round(math.log2(standard.abs().mean()))
        assert torch.equal(
            conv.effective_weight()[o].detach().abs().unique(), torch.tensor([scale])
        )
    if kind is BinaryConv2d:
        ones = conv.effective_weight().sign().sum(dim=(1, 2, 3))
        assert ones.abs().max() < conv.weight[0].numel() / 2


def test_the_gradient_passes_the_standardisation():
    """A shift and a factor of an output's weights change nothing, so no gradient points there."""
    conv = BinaryConv2d(8, 3, balanced=True).double()
    (conv.effective_weight() * torch.randn(3, 8, 3, 3)).sum().backward()
    along = (conv.weight.grad * (conv.weight - conv.weight.mean(dim=(1, 2, 3), keepdim=True))).sum(
        dim=(1, 2, 3)
    )
    torch.testing.assert_close(conv.weight.grad.sum(dim=(1, 2, 3)), torch.zeros(3).double())
    torch.testing.assert_close(along, torch.zeros(3).double())


@pytest.mark.parametrize("layer", [BinaryConv2d(4, 6), SubBitLinear(16, 6)])
def test_float_weights_are_used_as_they_are(layer):
    set_float_weights(layer, True)
    assert layer.effective_weight() is layer.weight
    set_float_weights(layer, False)
    assert len(layer.effective_weight()[0].abs().unique()) == 1


@given(st.integers(1, 8), st.floats(0.25, 4), st.floats(-6, 6, width=32))
def test_uniform_activations_clip_and_round(bits, top, value):
    x = torch.tensor([value], dtype=torch.float64)
    levels = 2**bits - 1
    step = top / levels
    out = UniformActivation(bits, top)(x)
    assert 0 <= out <= top * (1 + 1e-12)
    assert (out / step - (out / step).round()).abs() < 1e-9
    assert (out - x.clamp(0, top)).abs() <= step / 2 * (1 + 1e-9)
    assert gradient(UniformActivation(bits, top), x) == float(0 <= value <= top)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UniformActivation(0), "bits = 0"),
        (lambda: UniformActivation(2, 0.0), "top = 0.0"),
        (lambda: BinaryLinear(1, 4, balanced=True), "at least 2 weights"),
        (lambda: BinaryConv2d(1, 4, estimator="cubic"), "'cubic'"),
    ],
)
def test_what_cannot_be_is_named(make, message):
    with pytest.raises(ModelError, match=message):
        make()
