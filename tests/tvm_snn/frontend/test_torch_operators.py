"""Operators of ordinary CNNs through torch.export, against PyTorch."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.tvm_snn.frontend.exports import assert_computes, names_of_layers, torch_outputs
from tvm_snn.frontend import import_model
from tvm_snn.relay_passes.clean import clean
from tvm_snn.relay_passes.layers import layer_bindings, var_bindings
from tvm_snn.relay_passes.sign_values import is_sign_valued

X = torch.randn(1, 4, 12, 12, generator=torch.Generator().manual_seed(0))


class Network(nn.Module):
    """A function of the input and of one conv, 4 to 4 channels."""

    def __init__(self, function, **options):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(4, 4, 3, **options)
        self.function = function

    def forward(self, x):
        return self.function(self.conv, x)


def _standardized(conv, x):
    deviation = conv.weight.std((1, 2, 3), keepdim=True)
    return functional.conv2d(x, (conv.weight - conv.weight.mean()) / deviation)


def _shuffled(conv, x):
    y = conv(x)
    return y.view(1, 2, 2, 10, 10).transpose(1, 2).reshape(1, 4, 10, 10)


def _gated(conv, x):
    y = conv(x)
    return y * torch.sigmoid(y.mean((2, 3), keepdim=True))


NETWORKS = {
    "reflection padding": lambda conv, x: conv(functional.pad(x, (1, 2, 0, 1), mode="reflect")),
    "replication padding": lambda conv, x: conv(functional.pad(x, (1, 1, 1, 1), mode="replicate")),
    "padding with a number": lambda conv, x: conv(functional.pad(x, (1, 2, 0, 1), value=-1.0)),
    "bilinear": lambda conv, x: conv(functional.interpolate(x, size=(15, 15), mode="bilinear")),
    "chunk and concat": lambda conv, x: conv(torch.cat(torch.chunk(x, 2, 1)[::-1], 1)),
    "strided slices": lambda conv, x: conv(x[:, :, 1:-1, ::2]),
    "pixel shuffle": lambda conv, x: functional.pixel_shuffle(conv(x), 2),
    "channel shuffle": _shuffled,
    "squeeze and excite": _gated,
    "group norm": lambda conv, x: functional.group_norm(conv(x), 2, conv.bias, conv.bias),
    "in-place": lambda conv, x: functional.relu_(conv(x)).add_(1),
    "standardized weights": _standardized,
    "expanded bias": lambda conv, x: conv(x) + conv.bias.view(1, -1, 1, 1).expand(1, 4, 10, 10),
    "average pool, ceil": lambda conv, x: functional.avg_pool2d(
        conv(x), 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_operators(name):
    model = Network(NETWORKS[name])
    module = import_model(model, X)
    assert_computes(module, (X,), torch_outputs(model, X))
    assert names_of_layers(module)[0] in ("conv", "conv1")


SIGNS = {
    "sign": torch.sign,
    "where": lambda x: torch.where(x >= 0, 1.0, -1.0),
    "where of tensors": lambda x: torch.where(x > 0, torch.ones_like(x), -torch.ones_like(x)),
    "boolean": lambda x: (x >= 0).float() * 2 - 1,
    "residue last": lambda x: torch.sign(x).detach() - torch.tanh(x).detach() + torch.tanh(x),
    "residue first": lambda x: torch.tanh(x) + (torch.sign(x) - torch.tanh(x)).detach(),
    "residue of a boolean": lambda x: x + (((x >= 0).float() * 2 - 1) - x).detach(),
    "padded": lambda x: functional.pad(torch.sign(x), (1, 1, 1, 1), value=-1.0),
    "pooled": lambda x: functional.max_pool2d(torch.sign(x), 2),
}


@pytest.mark.parametrize("name", SIGNS)
def test_spellings_of_a_sign(name):
    """Whatever the spelling, after cleaning the conv reads a tensor known to be made of signs."""
    model = Network(lambda conv, x: conv(SIGNS[name](x)))
    module = clean(import_model(model, X))
    function = module["main"]
    bindings = {binding.var: binding.value for binding in var_bindings(function)}
    (layer,) = layer_bindings(function)
    assert is_sign_valued(layer.value.args[0], bindings)
    assert_computes(module, (X,), torch_outputs(model, X))


def test_autograd_functions():
    """The other way to write a straight-through estimator."""

    class Binarize(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.sign(x)

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return gradient * (x.abs() < 1)

    model = Network(
        lambda conv, x: functional.conv2d(Binarize.apply(x), Binarize.apply(conv.weight))
    )
    module = import_model(model, X)
    assert_computes(module, (X,), torch_outputs(model, X))
