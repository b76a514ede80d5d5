"""Operators that TVM's PyTorch importer gets wrong without a word, compared with PyTorch."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.tvm_snn.frontend.exports import assert_computes, torch_outputs
from tvm_snn.errors import UnsupportedOperatorError
from tvm_snn.frontend import import_model


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def check(function, x=None):
    x = normal(2, 4, 9, 7) if x is None else x
    model = function if isinstance(function, nn.Module) else Function(function)
    assert_computes(import_model(model.eval(), (x,)), (x,), torch_outputs(model, x))


RESIZES = {
    "twice": {"scale_factor": 2.0},
    "half, of odd sizes": {"scale_factor": 0.5},
    "one and a half": {"scale_factor": 1.5},
    "a third, of one axis": {"scale_factor": (1 / 3, 1.0)},
    "unequal factors": {"scale_factor": (2.3, 0.7)},
    "factors made sizes": {"scale_factor": 1.3, "recompute_scale_factor": True},
    "a size": {"size": (13, 5)},
    "a whole size": {"size": (18, 21)},
    "its own size": {"size": (9, 7)},
}


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("to", RESIZES)
def test_resize(mode, to):
    check(lambda x: functional.interpolate(x, mode=mode, **RESIZES[to]))


@pytest.mark.parametrize("to", ["half, of odd sizes", "a size"])
def test_resize_with_corners_aligned(to):
    check(lambda x: functional.interpolate(x, mode="bilinear", align_corners=True, **RESIZES[to]))


def test_antialiasing_is_refused_by_the_name_of_the_layer():
    class Small(nn.Module):
        def forward(self, x):
            return functional.interpolate(x, size=(4, 3), mode="bilinear", antialias=True)

    model = nn.Sequential(nn.ReLU(), Small())
    with pytest.raises(UnsupportedOperatorError, match="Layer '1' resizes with antialias=True"):
        import_model(model, (normal(1, 2, 9, 7),))


INDICES = {
    "one, negative": lambda x: x[-1] + x[:, -1, :, :1].sum(),
    "last axis": lambda x: x[..., -2],
    "a list": lambda x: x[:, [-1, 0, -4]],
    "two lists side by side": lambda x: x[:, [0, 1], [-1, 2]],
    "two lists first": lambda x: x[[0, 1, -1], [-1, 2, 3]],
    "two lists apart": lambda x: x[:, [0, -1], :, [3, -2]],
    "lists that broadcast": lambda x: x[:, [[0], [-1]], [[1, 2, -3]]],
    "all axes": lambda x: x[[0, 1], [1, -1], [2, 3], [-1, 0]],
    "computed": lambda x: x[:, x[0, 0, 0].sign().to(torch.int64)],
    "computed jointly": lambda x: x[:, x[0, 0, 0].sign().to(torch.int64), x[0, 0, 1].long()],
    "patches": lambda x: functional.unfold(x, 3, padding=1),
}


@pytest.mark.parametrize("name", INDICES)
def test_indices(name):
    check(INDICES[name])


def test_a_mask_as_index_is_refused():
    with pytest.raises(UnsupportedOperatorError, match="indexes with a mask"):
        import_model(Function(lambda x: x[:, torch.tensor([True, False])]), (normal(1, 2, 3, 3),))


ARGUMENTS = {
    "selu": functional.selu,
    "celu": lambda x: functional.celu(x, 0.5),
    "elu": lambda x: functional.elu(x, 2.0),
    "add with alpha": lambda x: torch.add(x, x.sin(), alpha=0.5),
    "add a number with alpha": lambda x: torch.add(x, 2.0, alpha=0.5),
    "sub with alpha": lambda x: torch.sub(x, x.sin(), alpha=-2.0),
    "rsub with alpha": lambda x: torch.rsub(x, 2.0, alpha=3.0),
    "integer add with alpha": lambda x: torch.add((x * 9).int(), x.int(), alpha=2),
    "avg_pool2d with a divisor": lambda x: functional.avg_pool2d(x, 2, divisor_override=3),
    "padded, with a divisor": nn.AvgPool2d(3, 2, 1, divisor_override=2),
    "global maximum": nn.AdaptiveMaxPool2d(1),
    "amax": lambda x: x.amax((1, -1), keepdim=True) - x.amin(2, keepdim=True),
    "amax of all": lambda x: x.amax() + x.amin(),
    "max and min along an axis": lambda x: x.max(1).values - x.min(2).values.sum(1, keepdim=True),
    "where the maximum is": lambda x: x.max(1, keepdim=True).indices - x.min(1).indices[:, None],
    "logsumexp": lambda x: torch.logsumexp(x, 1),
    "var_mean": lambda x: sum(torch.var_mean(x, (2, 3), correction=0)),
    "squeeze axes of other sizes": lambda x: x[:, :1].squeeze().squeeze(0).squeeze((0, 1)),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_no_argument_is_dropped(name):
    check(ARGUMENTS[name])


def test_a_divisor_and_ceil_mode_together_are_refused():
    model = nn.AvgPool2d(2, ceil_mode=True, divisor_override=3)
    with pytest.raises(UnsupportedOperatorError, match="ceil_mode and divisor_override"):
        import_model(model, (normal(1, 2, 9, 7),))
