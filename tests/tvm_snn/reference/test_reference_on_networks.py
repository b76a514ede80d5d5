"""Whole networks in the reference interpreter against PyTorch eager."""

import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.tvm_snn.reference.reference_tools import assert_same_as_torch, export
from tvm_snn.reference import evaluate


class Residual(nn.Module):
    """Basic block with average pooling on the shortcut, as Bi-Real Net has it."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_out)
        self.act1, self.act2 = nn.PReLU(c_out), nn.PReLU(c_out)
        self.shortcut = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(2), nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x):
        y = self.act1(self.norm1(self.conv1(x)))
        return self.act2(self.norm2(self.conv2(y)) + self.shortcut(x))


def resnet18(width: int = 64) -> nn.Module:
    blocks, channels = [], width
    for stage in range(4):
        out = width * 2**stage
        blocks += [Residual(channels, out, 1 + (stage > 0)), Residual(out, out, 1)]
        channels = out
    stem = [nn.Conv2d(3, width, 7, 2, 3), nn.BatchNorm2d(width), nn.MaxPool2d(3, 2, 1)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)]
    return nn.Sequential(*stem, *blocks, *head)


def test_resnet18_at_224_within_five_seconds_of_a_processor():
    torch.manual_seed(0)
    net, x = resnet18().eval(), torch.randn(1, 3, 224, 224)
    function = export(net, x)
    # Whatever else the machine is doing.
    start = time.process_time()
    result = evaluate(function, [x.numpy()])[0]
    assert time.process_time() - start < 5
    with torch.no_grad():
        np.testing.assert_allclose(result, net(x).numpy(), atol=1e-4)


class MobileBlock(nn.Module):
    """Depthwise separable block with squeeze and excitation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, 4 * channels, 1)
        self.depthwise = nn.Conv2d(4 * channels, 4 * channels, 5, 1, 2, groups=4 * channels)
        self.squeeze = nn.Conv2d(4 * channels, channels, 1)
        self.excite = nn.Conv2d(channels, 4 * channels, 1)
        self.project = nn.Conv2d(4 * channels, channels, 1)

    def forward(self, x):
        y = F.hardswish(self.depthwise(F.hardswish(self.expand(x))))
        gate = self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1))))
        return x + self.project(y * F.hardsigmoid(gate))


class Segmenter(nn.Module):
    """Encoder and decoder with concatenation, upsampling and a transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, 2, 1)
        self.deep = nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.norm = nn.GroupNorm(4, 8)
        self.up = nn.ConvTranspose2d(8, 4, 4, 2, 1)
        self.head = nn.Conv2d(7, 2, 1)

    def forward(self, x):
        y = F.silu(self.norm(self.deep(F.gelu(self.down(x)))))
        y = torch.cat([self.up(y), F.interpolate(x[:, :, ::2, ::2], scale_factor=2)], 1)
        return F.softmax(self.head(y), 1)


class ChannelMixer(nn.Module):
    """Attention block as vision transformers have it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(16), nn.LayerNorm(16)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        y = self.norm1(tokens)
        tokens = tokens + self.attention(y, y, y, need_weights=False)[0]
        return (tokens + self.mlp(self.norm2(tokens))).mean(1)


NETWORKS = {
    "mobile": lambda: nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), MobileBlock(8), MobileBlock(8)),
    "segmenter": Segmenter,
    "vision_transformer": ChannelMixer,
    "vgg": lambda: nn.Sequential(
        *[nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Hardtanh(), nn.MaxPool2d(2)],
        *[nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Hardtanh(), nn.MaxPool2d(2)],
        *[nn.Flatten(), nn.Linear(8 * 8 * 8, 10), nn.LogSoftmax(1)],
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name):
    torch.manual_seed(0)
    assert_same_as_torch(NETWORKS[name](), torch.randn(2, 3, 32, 32))


class SignNetwork(nn.Module):
    """A sub-bit layer as authors write it: weights by nearest pattern, straight-through parts."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.randn(8, 4, 3, 3) * 0.1)
        self.memory = nn.Parameter(torch.randn(8, 9))
        self.shift = nn.Parameter(torch.randn(1, 4, 1, 1))

    def forward(self, x):
        patterns = torch.sign(self.memory)
        distance = torch.norm(self.latent.view(-1, 1, 9) - patterns[None], dim=2)
        hard = patterns[torch.argmin(distance, 1)].view_as(self.latent)
        hard = hard * self.latent.abs().mean((1, 2, 3), keepdim=True)
        weight = hard.detach() - self.latent.clamp(-1, 1).detach() + self.latent.clamp(-1, 1)
        x = x + self.shift.expand_as(x)
        soft = torch.where(x.abs() < 1, x * (2 - x.abs()), torch.sign(x))
        return F.conv2d(torch.sign(x).detach() - soft.detach() + soft, weight, padding=1, stride=2)


def test_sub_bit_layer_with_straight_through_residue():
    torch.manual_seed(0)
    assert_same_as_torch(SignNetwork(), torch.randn(2, 4, 9, 9))
