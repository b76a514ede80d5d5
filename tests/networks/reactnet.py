"""A ReActNet-style residual network with sub-bit 3x3 convs, in plain torch.

Written the way authors of binary networks publish their models: the weights are binarised inside
`forward` by a search for the nearest memory pattern, activations and weights carry
straight-through residues (`hard.detach() - soft.detach() + soft`), and biases are learned and
expanded to the size of the activation. Nothing here comes from tvm_snn: the network stands for
what a user brings along.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class LearnableBias(nn.Module):
    """Adds one learned number a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.expand_as(x)


class BinaryActivation(nn.Module):
    """sign(x) whose gradient is that of a piecewise quadratic between -1 and 1."""

    def forward(self, x: Tensor) -> Tensor:
        hard = torch.sign(x)
        below_minus_one = (x < -1).type(torch.float32)
        below_zero = (x < 0).type(torch.float32)
        below_one = (x < 1).type(torch.float32)
        soft = -1 * below_minus_one + (x * x + 2 * x) * (1 - below_minus_one)
        soft = soft * below_zero + (-x * x + 2 * x) * (1 - below_zero)
        soft = soft * below_one + 1 * (1 - below_one)
        return hard.detach() - soft.detach() + soft


class HardBinaryConv(nn.Module):
    """3x3 conv whose kernels are, in forward, the nearest of 2^tau memory patterns, scaled."""

    def __init__(self, c_in: int, c_out: int, tau: int, stride: int = 1, padding: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.padding = padding
        self.shape = (c_out, c_in, 3, 3)
        self.weight = nn.Parameter(torch.randn(self.shape) * 0.1)
        self.memory = nn.Parameter(torch.randn(2**tau, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        latent = self.weight
        scale = latent.abs().mean(3, keepdim=True).mean(2, keepdim=True).mean(1, keepdim=True)
        patterns = torch.sign(self.memory).view(1, -1, 9)
        distance = torch.norm(latent.view(-1, 1, 9) - patterns, dim=2)
        nearest = torch.argmin(distance, dim=1)
        binary = patterns[0][nearest].view(self.shape)
        hard = scale.detach() * binary
        clipped = torch.clamp(latent, -1.0, 1.0)
        weight = hard.detach() - clipped.detach() + clipped
        return functional.conv2d(x, weight, stride=self.stride, padding=self.padding)


class BasicBlock(nn.Module):
    """One binary 3x3 conv with its own shortcut, biases around both non-linearities."""

    def __init__(self, c_in: int, c_out: int, tau: int, stride: int = 1) -> None:
        super().__init__()
        self.move0 = LearnableBias(c_in)
        self.binary_activation = BinaryActivation()
        self.binary_conv = HardBinaryConv(c_in, c_out, tau, stride=stride)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.move1 = LearnableBias(c_out)
        self.prelu = nn.PReLU(c_out)
        self.move2 = LearnableBias(c_out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(
                nn.AvgPool2d(kernel_size=2, stride=stride),
                nn.Conv2d(c_in, c_out, 1, bias=False),
                nn.BatchNorm2d(c_out),
            )

    def forward(self, x: Tensor) -> Tensor:
        residual = x if self.downsample is None else self.downsample(x)
        out = self.move0(x)
        out = self.binary_activation(out)
        out = self.binary_conv(out)
        out = self.bn1(out)
        out += residual
        out = self.move1(out)
        out = self.prelu(out)
        return self.move2(out)


class ReActNet(nn.Module):
    """Float stem, four stages of binary blocks, global pooling and a float classifier."""

    def __init__(self, blocks: tuple[int, ...], width: int, tau: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = width
        for stage, count in enumerate(blocks):
            c_out = width << stage
            layers = []
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(BasicBlock(channels, c_out, tau, stride))
                channels = c_out
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.stages = len(blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.bn1(self.conv1(x)))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        x = self.avgpool(x)
        x = x.view(x.size(0), -1)
        return self.fc(x)


def _make_trained_looking(model: nn.Module) -> None:
    """Fill in what training would: biases, slopes, and BatchNorm statistics, some gammas < 0."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, LearnableBias):
                module.bias.uniform_(-0.3, 0.3)
            elif isinstance(module, nn.PReLU):
                module.weight.uniform_(0.05, 0.5)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.weight[torch.rand(module.num_features) < 0.2] *= -1
                module.bias.uniform_(-0.2, 0.2)
                module.running_mean.uniform_(-0.3, 0.3)
                module.running_var.uniform_(0.6, 1.4)
        for module in model.modules():
            if isinstance(module, BasicBlock):
                weight = module.binary_conv.weight
                fan_in = weight[0].numel()
                module.bn1.running_var *= fan_in * weight.abs().mean() ** 2


def reactnet18(
    *,
    tau: int = 5,
    width: int = 64,
    classes: int = 1000,
    blocks: tuple[int, ...] = (4, 4, 4, 4),
    seed: int = 0,
) -> ReActNet:
    """Seeded network in eval mode; ResNet-18 has four stages of four blocks, sixteen binary convs.

    Input: (N, 3, H, W) float32 with H and W a multiple of 32, 224 in the papers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ReActNet(blocks, width, tau, classes)
        _make_trained_looking(model)
    return model.eval()
