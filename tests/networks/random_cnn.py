"""Small random convolutional networks in plain torch, to compare importers on."""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn
from torch.nn import functional


class StraightThroughSign(nn.Module):
    """sign(x), with the gradient of a clip."""

    def forward(self, x: Tensor) -> Tensor:
        soft = torch.clamp(x, -1.0, 1.0)
        return torch.sign(x).detach() - soft.detach() + soft


class Where(nn.Module):
    """+1 where x is not negative, else -1."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x >= 0, 1.0, -1.0)


class Upsample(nn.Module):
    """Twice the size, by nearest neighbour or bilinearly."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        return functional.interpolate(x, scale_factor=2, mode=self.mode)


class Pad(nn.Module):
    """Padding that differs on each side, with a number of its own."""

    def __init__(self, sides: tuple[int, ...], value: float) -> None:
        super().__init__()
        self.sides, self.value = sides, value

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x, self.sides, value=self.value)


class Residual(nn.Module):
    """x + body(x)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Branches(nn.Module):
    """Two branches, concatenated."""

    def __init__(self, left: nn.Module, right: nn.Module) -> None:
        super().__init__()
        self.left, self.right = left, right

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.left(x), self.right(x)], dim=1)


def random_cnn(seed: int) -> tuple[nn.Module, Tensor]:
    """Return a network in eval mode and an input for it, the same ones for the same seed."""
    choose = random.Random(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channels = choose.choice([1, 2, 3])
        x = torch.randn(choose.choice([1, 2]), channels, 16, choose.choice([16, 18]))
        layers: list[nn.Module] = []
        size = x
        for _ in range(choose.randint(3, 6)):
            block = _block(choose, size.shape[1], min(size.shape[2:]))
            _randomise(block)
            layers.append(block)
            with torch.no_grad():
                size = block.eval()(size)
        head = nn.Linear(size.shape[1], choose.randint(2, 9))
        model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    return model.eval(), x


def _block(choose: random.Random, channels: int, extent: int) -> nn.Module:
    kind = choose.choice(
        ["conv", "conv", "conv", "residual", "branches", "pool", "upsample", "pad"]
    )
    if kind == "residual":
        body = nn.Conv2d(channels, channels, 3, padding=1)
        return Residual(nn.Sequential(_activation(choose, channels), body))
    if kind == "branches":
        sides = [nn.Conv2d(channels, choose.randint(1, 4), 1) for _ in range(2)]
        return Branches(*sides)
    if kind == "pool" and extent >= 6:
        return choose.choice(
            [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2), nn.AvgPool2d(3, 2, 1)]
        )
    if kind == "upsample" and extent <= 16:
        return Upsample(choose.choice(["nearest", "bilinear"]))
    if kind == "pad":
        sides = tuple(choose.randint(0, 2) for _ in range(4))
        return Pad(sides, choose.choice([0.0, -1.0, 0.5]))
    groups = choose.choice([g for g in (1, 2, 4) if channels % g == 0])
    conv = nn.Conv2d(
        channels,
        groups * choose.randint(1, 3),
        choose.choice([1, 3]),
        stride=choose.choice([1, 1, 2]) if extent >= 8 else 1,
        padding=choose.choice([1, 2]),
        dilation=choose.choice([1, 1, 2]) if extent >= 8 else 1,
        groups=groups,
        bias=choose.random() < 0.5,
    )
    norm = nn.BatchNorm2d(conv.out_channels)
    return nn.Sequential(conv, norm, _activation(choose, conv.out_channels))


def _activation(choose: random.Random, channels: int) -> nn.Module:
    return choose.choice(
        [
            nn.ReLU(),
            nn.ReLU6(),
            nn.Hardtanh(),
            nn.PReLU(),
            nn.PReLU(channels),
            nn.LeakyReLU(0.1),
            nn.Sigmoid(),
            nn.Hardswish(),
            StraightThroughSign(),
            Where(),
        ]
    )


def _randomise(block: nn.Module) -> None:
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(-1.5, 1.5)
            module.bias.data.uniform_(-0.5, 0.5)
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
