"""Small random networks with layers of every kind, seeded: a seed is a network and its input."""

import random

import torch
from torch import Tensor, nn
from torch.nn import functional

from tvm_snn.nn import BinaryActivation, BinaryConv2d, LearnableBias, SubBitConv2d


class Residual(nn.Module):
    """x + body(x)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Add."""
        return x + self.body(x)


class Concatenated(nn.Module):
    """The input beside what the body makes of it."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate channels."""
        return torch.cat([x, self.body(x)], dim=1)


class Gated(nn.Module):
    """Squeeze-and-excite."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scale every channel by a number between 0 and 1."""
        hidden = functional.relu(self.squeeze(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.excite(hidden))


class Where(nn.Module):
    """+1 where x is not negative, else -1."""

    def forward(self, x: Tensor) -> Tensor:
        """Compare."""
        return torch.where(x >= 0, 1.0, -1.0)


class BinaryLinear(nn.Module):
    """A dense layer of signs in units of 8 inputs, at most `size` of them distinct."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        kernels = torch.randn(size, 8).sign()
        picked = kernels[torch.randint(size, (outputs, inputs // 8))]
        self.scale = nn.Parameter(torch.randn(outputs))
        self.weight = nn.Parameter(picked.reshape(outputs, -1))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply."""
        return functional.linear(x, self.weight * self.scale[:, None])


def random_network(seed: int) -> tuple[nn.Module, Tensor]:
    """Return a network in eval mode and an input for it, the same ones for the same seed."""
    choose = random.Random(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x = torch.randn(choose.choice([1, 2]), 3, choose.randint(9, 15), choose.randint(9, 15))
        model = nn.Sequential(nn.Conv2d(3, choose.choice([4, 8, 16]), 3, padding=1))
        with torch.no_grad():
            y = model(x)
            for _ in range(choose.randint(2, 4)):
                block = _settled(_block(choose, y.shape[1], min(y.shape[2:])), y)
                model.append(block)
                y = block(y)
            model.append(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
            channels = y.shape[1]
            if channels % 8 == 0 and choose.random() < 0.7:
                model.append(nn.Sequential(nn.BatchNorm1d(channels), nn.Hardtanh()))
                model.append(BinaryLinear(channels, 16, choose.choice([4, 16])))
                channels = 16
            model.append(nn.Linear(channels, 5))
    return model.eval(), x


def _settled(block: nn.Module, x: Tensor) -> nn.Module:
    """Give BatchNorm random parameters and the statistics of the data, as training would."""
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            module.momentum = 1.0
        elif isinstance(module, LearnableBias):
            nn.init.normal_(next(module.parameters()), std=0.3)
    block.train()(x)
    return block.eval()


def _block(choose: random.Random, channels: int, extent: int) -> nn.Module:
    kinds = ["binary"] * 5 + ["float", "residual", "residual", "concatenated", "gated"]
    kind = choose.choice([*kinds, "pool", "depthwise", "resized"])
    if kind == "residual":
        return Residual(_binary(choose, channels, channels, extent, keeps_size=True))
    if kind == "concatenated":
        return Concatenated(_binary(choose, channels, 8, extent, keeps_size=True))
    if kind == "gated":
        return nn.Sequential(Gated(channels), nn.Hardswish())
    if kind == "pool" and extent >= 4:
        return choose.choice(
            [nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, ceil_mode=True), nn.MaxPool2d(2)]
        )
    if kind == "depthwise":
        conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU6())
    if kind == "resized" and extent <= 8:
        return nn.Upsample(scale_factor=2, mode=choose.choice(["nearest", "bilinear"]))
    if kind == "float":
        conv = nn.Conv2d(channels, 8, 3, stride=choose.choice([1, 2]), padding=1)
        return nn.Sequential(conv, nn.BatchNorm2d(8), nn.PReLU(8))
    return _binary(choose, channels, choose.choice([8, 16, 24]), extent)


def _binary(
    choose: random.Random, channels: int, outputs: int, extent: int, *, keeps_size: bool = False
) -> nn.Module:
    """A binary or sub-bit conv on signs or floats, of any geometry, with what surrounds it."""
    groups = choose.choice([g for g in (1, 1, 2, 4) if channels % g == 0 and outputs % g == 0])
    size = choose.choice([3, 3, 3, 1])
    dilation = choose.choice([1, 1, 2]) if size == 3 and extent > 5 else 1
    if keeps_size:
        stride, padding = 1, dilation * (size - 1) // 2
    else:
        stride, padding = choose.choice([1, 1, 2, (2, 1)]), choose.choice([0, 1, 1, (1, 2)])
        padding = padding if extent > 5 else 1
    geometry = (stride, padding, dilation, groups)
    conv = _conv(choose, channels, outputs, size, geometry)
    activation = choose.choice([BinaryActivation, BinaryActivation, Where, nn.Hardtanh])()
    return nn.Sequential(
        LearnableBias(channels),
        activation,
        conv,
        nn.BatchNorm2d(outputs),
        choose.choice([nn.PReLU(outputs), nn.PReLU(), nn.Hardtanh(-2, 2), nn.Identity()]),
    )


def _conv(
    choose: random.Random, channels: int, outputs: int, size: int, geometry: tuple
) -> nn.Module:
    width = channels // geometry[3]
    if choose.random() < 0.25:
        return BinaryConv2d(channels, outputs, size, *geometry)
    if size == 1:
        if width % 8:
            return nn.Conv2d(channels, outputs, 1, *geometry, bias=False)
        return SubBitConv2d(channels, outputs, 1, *geometry, tau=choose.choice([3, 5]), unit=8)
    if width % 2 == 0 and choose.random() < 0.3:
        return SubBitConv2d(channels, outputs, 3, *geometry, subset_size=8, unit=2)
    return SubBitConv2d(channels, outputs, 3, *geometry, tau=choose.randint(3, 6))
