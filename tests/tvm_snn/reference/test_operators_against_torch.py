"""Single PyTorch operators, exported and imported, against PyTorch eager."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.tvm_snn.reference.reference_tools import assert_same_as_torch

IMAGE = (2, 4, 6, 7)

ELEMENTWISE = {
    "abs": torch.abs,
    "acos": lambda x: torch.acos(x.clamp(-1, 1)),
    "acosh": lambda x: torch.acosh(x.abs() + 1),
    "asin": lambda x: torch.asin(x.clamp(-1, 1)),
    "asinh": torch.asinh,
    "atan": torch.atan,
    "atanh": lambda x: torch.atanh(x.clamp(-0.9, 0.9)),
    "ceil": torch.ceil,
    "clamp": lambda x: x.clamp(-0.5, 0.7),
    "cos": torch.cos,
    "cosh": torch.cosh,
    "elu": F.elu,
    "erf": torch.erf,
    "exp": torch.exp,
    "floor": torch.floor,
    "floor_divide": lambda x: torch.floor_divide(x, 0.3),
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "hardtanh": lambda x: F.hardtanh(x, -0.5, 2.0),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "log": lambda x: torch.log(x.abs() + 0.1),
    "log_softmax": lambda x: F.log_softmax(x, 1),
    "logsigmoid": F.logsigmoid,
    "neg": torch.neg,
    "pow_half": lambda x: x.abs() ** 0.5,
    "pow_two": lambda x: x**2,
    "reciprocal": lambda x: torch.reciprocal(x.abs() + 1),
    "relu": torch.relu,
    "relu6": lambda x: F.relu6(5 * x),
    "remainder": lambda x: torch.remainder(x, 0.3),
    "round": lambda x: torch.round(3 * x),
    "rsqrt": lambda x: torch.rsqrt(x.abs() + 0.1),
    "sigmoid": lambda x: torch.sigmoid(60 * x),
    "sign": torch.sign,
    "silu": F.silu,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "softmax": lambda x: F.softmax(50 * x, 1),
    "softplus": lambda x: F.softplus(9 * x, 2.0, 5.0),
    "sqrt": lambda x: torch.sqrt(x.abs()),
    "square": torch.square,
    "tan": torch.tan,
    "tanh": torch.tanh,
    "to_float16": lambda x: x.half() + 1,
    "to_int": lambda x: (10 * x).to(torch.int32),
    "to_bool": lambda x: x.to(torch.int32).to(torch.bool),
    "trunc": lambda x: torch.trunc(3 * x),
}

REDUCTIONS = {
    "argmax": lambda x: x.argmax(),
    "argmin": lambda x: x.argmin(2, keepdim=True),
    "argsort": lambda x: torch.argsort(x, -1, descending=True),
    "max": torch.max,
    "min": torch.min,
    "max_and_place": lambda x: torch.max(x, 2),
    "cumprod": lambda x: x.cumprod(1),
    "cumsum": lambda x: x.cumsum(2),
    "cumsum_int": lambda x: (9 * x).int().cumsum(1, dtype=torch.int64),
    "mean": lambda x: x.mean((2, 3)),
    "median": lambda x: torch.median(x, 1),
    "median_of_all": lambda x: torch.median(x),
    "norm": lambda x: torch.norm(x.reshape(2, 4, 42), dim=2),
    "prod": torch.prod,
    "std": lambda x: x.std(1),
    "sum": lambda x: x.sum((0, 2), keepdim=True),
    "sum_int": lambda x: (9 * x).long().sum(1),
    "topk": lambda x: torch.topk(x, 3, 2),
    "topk_smallest": lambda x: torch.topk(x, 2, 1, largest=False),
    "var": lambda x: x.var((1, 3), unbiased=False),
}

SHAPES = {
    "broadcast": lambda x: x[:, :1].expand(2, 5, 6, 7),
    "cat": lambda x: torch.cat([x, x[:, 1:3], -x], 1),
    "chunk": lambda x: torch.chunk(x, 3, 3),
    "flatten": lambda x: x.flatten(1, 2),
    "flip": lambda x: torch.flip(x, (1, 3)),
    "movedim": lambda x: x.movedim(1, 3),
    "narrow": lambda x: x.narrow(3, 2, 4),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "repeat": lambda x: x.repeat(1, 2, 1, 3),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "reshape": lambda x: x.reshape(4, -1, 2),
    "slice": lambda x: x[:, 1:, ::2, -3:-1],
    "split": lambda x: torch.split(x, (1, 3), 1),
    "squeeze": lambda x: x[:, :1].squeeze(1),
    "stack": lambda x: torch.stack([x, 2 * x], 2),
    "transpose": lambda x: x.transpose(1, 3),
    "tril": lambda x: torch.tril(x, 1),
    "triu": lambda x: torch.triu(x),
    "unbind": lambda x: torch.unbind(x, 1),
    "unsqueeze": lambda x: x.unsqueeze(2).unsqueeze(-1),
}

INDEXING = {
    "gather": lambda x: torch.gather(x, 1, torch.tensor([[[[0, 3, 1]]]]).expand(2, 2, 6, 3)),
    "index_list": lambda x: x[:, [0, 2, 1]],
    "index_negative": lambda x: x[-1],
    "index_pair": lambda x: x[torch.tensor([0, 1, 1]), torch.tensor([3, 0, 2])],
    "index_put": lambda x: (
        x[0, 0].clone().index_put((torch.tensor([1, 1]), torch.tensor([2, 0])), x[0, 0, 0, :2])
    ),
    "index_select": lambda x: torch.index_select(x, 2, torch.tensor([5, 0, 5])),
    "one_hot": lambda x: F.one_hot(x.argmax(1), 4),
    "scatter": lambda x: x.scatter(1, torch.zeros(2, 1, 6, 7, dtype=torch.int64), -x[:, :1]),
    "where": lambda x: torch.where(x > 0, x, 0.25 * x),
    "masked_fill": lambda x: x.masked_fill(x < 0, 7.0),
}

PADDING = {
    "constant": lambda x: F.pad(x, (1, 2, 0, 3), value=2.5),
    "crop": lambda x: F.pad(x, (-1, 2, 1, -2)),
    "reflect": lambda x: F.pad(x, (1, 2, 0, 3), mode="reflect"),
    "replicate": lambda x: F.pad(x, (1, 2, 0, 3), mode="replicate"),
    "circular": lambda x: F.pad(x, (1, 2, 0, 3), mode="circular"),
}

CREATION = {
    "arange": lambda x: x + torch.arange(0, 14, 2),
    "eye": lambda x: x[0, 0, :, :6] + torch.eye(6),
    "full": lambda x: x * torch.full((4, 1, 1), 3.0),
    "full_like": lambda x: x + torch.full_like(x, 2.0),
    "ones_like": lambda x: x + torch.ones_like(x),
    "zeros": lambda x: x + torch.zeros(6, 7),
}

PRODUCTS = {
    "batched_matmul": lambda x: torch.matmul(x, x.transpose(2, 3)),
    "broadcast_matmul": lambda x: torch.matmul(x, x[0, 0].transpose(0, 1)),
    "einsum": lambda x: torch.einsum("nchw,mchw->nm", x, x),
    "matrix_vector": lambda x: torch.matmul(x, x[0, 0, 0]),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, 2 * x),
}

COMPARISONS = {
    "between": lambda x: (x > -0.5) & (x <= 0.5),
    "equal": lambda x: torch.eq(x.sign(), -1),
    "finite": lambda x: torch.isfinite(x / (x > 0)),
    "minimum": lambda x: torch.minimum(x, -x),
    "nan": lambda x: torch.isnan(x.log()),
    "not_equal": lambda x: x != x.round(),
    "not": lambda x: torch.logical_not(x > 0),
    "xor": lambda x: torch.logical_xor(x > 0, x > 1),
}

FAMILIES = {
    **ELEMENTWISE,
    **REDUCTIONS,
    **SHAPES,
    **INDEXING,
    **{f"pad_{name}": function for name, function in PADDING.items()},
    **CREATION,
    **PRODUCTS,
    **COMPARISONS,
}


class Lambda(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize("name", FAMILIES)
def test_operator_equals_torch(name):
    torch.manual_seed(0)
    x = torch.randn(IMAGE)
    x[0, 0, 0, :3] = torch.tensor([0.0, -0.0, 0.5])
    assert_same_as_torch(Lambda(FAMILIES[name]), x)


INTEGERS = {
    "divide_floor": lambda x: torch.div(x, 4, rounding_mode="floor"),
    "divide_trunc": lambda x: torch.div(x, 4, rounding_mode="trunc"),
    "bitwise": lambda x: (x & 5) | (x ^ 3),
    "invert": lambda x: ~x,
    "negate": lambda x: -x,
    "remainder": lambda x: torch.remainder(x, 5),
    "sign": torch.sign,
    "to_float": lambda x: x.float() / 3,
    "maximum": lambda x: torch.maximum(x, -x),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_integer_operator_equals_torch(name):
    assert_same_as_torch(Lambda(INTEGERS[name]), torch.arange(-12, 12, dtype=torch.int32))


LAYERS = {
    "batch_norm": nn.BatchNorm2d(4),
    "group_norm": nn.GroupNorm(2, 4),
    "instance_norm": nn.InstanceNorm2d(4, affine=True),
    "layer_norm": nn.LayerNorm((6, 7)),
    "layer_norm_plain": nn.LayerNorm(7, elementwise_affine=False),
    "rms_norm": nn.RMSNorm((6, 7)),
    "linear": nn.Linear(7, 3),
    "prelu": nn.PReLU(4),
    "dropout": nn.Dropout(0.3),
    "max_pool": nn.MaxPool2d(3, 2, 1),
    "max_pool_ceil": nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "max_pool_dilated": nn.MaxPool2d(2, 1, 0, dilation=2),
    "avg_pool": nn.AvgPool2d(3, 2, 1),
    "avg_pool_exclude": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "avg_pool_ceil": nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    "adaptive": nn.AdaptiveAvgPool2d((4, 3)),
    "global": nn.AdaptiveAvgPool2d(1),
    "conv": nn.Conv2d(4, 6, 3, 2, 1),
    "conv_grouped": nn.Conv2d(4, 6, (3, 2), (1, 2), (2, 0), (2, 1), groups=2),
    "conv_reflect": nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    "conv_transposed": nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2),
    "channel_shuffle": nn.ChannelShuffle(2),
    "unflatten": nn.Unflatten(1, (2, 2)),
    "upsample_bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "upsample_aligned": nn.Upsample(size=(9, 5), mode="bilinear", align_corners=True),
    "upsample_bicubic": nn.Upsample(scale_factor=2, mode="bicubic"),
    "upsample_nearest": nn.Upsample(scale_factor=2, mode="nearest"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer_equals_torch(name):
    torch.manual_seed(1)
    layer = LAYERS[name]
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    if name == "batch_norm":
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.5, 2)
    assert_same_as_torch(layer, torch.randn(IMAGE))


LINES_AND_VOLUMES = {
    "conv1d": (nn.Conv1d(4, 6, 3, 2, 1, groups=2), (2, 4, 11)),
    "conv1d_transposed": (nn.ConvTranspose1d(4, 6, 3, 2, 1, 1), (2, 4, 11)),
    "max_pool1d": (nn.MaxPool1d(3, 2, 1), (2, 4, 11)),
    "avg_pool1d": (nn.AvgPool1d(3, 2, 1), (2, 4, 11)),
    "adaptive1d": (nn.AdaptiveAvgPool1d(4), (2, 4, 11)),
    "batch_norm1d": (nn.BatchNorm1d(4), (2, 4, 11)),
    "conv3d": (nn.Conv3d(4, 6, 3, (1, 2, 1), 1, groups=2), (1, 4, 5, 6, 7)),
    "max_pool3d": (nn.MaxPool3d(2), (1, 4, 5, 6, 7)),
    "avg_pool3d": (nn.AvgPool3d(3, 2, 1), (1, 4, 5, 6, 7)),
    "adaptive3d": (nn.AdaptiveAvgPool3d((2, 3, 4)), (1, 4, 5, 6, 7)),
}


@pytest.mark.parametrize("name", LINES_AND_VOLUMES)
def test_other_dimensions_equal_torch(name):
    torch.manual_seed(2)
    layer, shape = LINES_AND_VOLUMES[name]
    assert_same_as_torch(layer, torch.randn(shape))


def test_float32_never_becomes_float64():
    x = torch.randn(3)

    def chain(x):
        return torch.sqrt((x * 2.0 - 1).abs().mean()) + x.std() * np.float64(0.1)

    assert_same_as_torch(Lambda(chain), x)
