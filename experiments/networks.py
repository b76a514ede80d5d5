"""Networks small enough to be trained many times on one core.

In them all methods start from the same weights and, where they draw any, from the same subsets:
every binarised convolution has a generator of its own, from which it draws its latent weights first
and its subset second.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count, pairwise

import torch
from torch import Tensor, nn

from tvm_snn.nn import BinaryActivation, BinaryConv2d, SubBitConv2d, UniformActivation
from tvm_snn.nn.subsets import PolicyFactory
from tvm_snn.zoo.layers import Kernels
from tvm_snn.zoo.resnet import ResidualUnit

Conv = Callable[[int, int, int, Kernels], nn.Module]
"""Makes a 3x3 convolution from input channels, output channels, stride and kernels."""


class SmallResNet(nn.Module):
    """Six 3x3 binarised convolutions of a ResNet-20 behind a stem of stride 2.

    (N, 1, 28, 28) to (N, 10): a 5x5 stem without padding, then two residual units each at 12x12,
    6x6 and 3x3, of `width`, 2 `width` and 4 `width` channels.
    """

    def __init__(self, kernels: Kernels, activations: str, width: int, conv: Conv) -> None:
        """Assemble the network; `activations` are W1A1, W1A32, or W1Ak for k bits."""
        super().__init__()
        self.stem = _stem(width)
        self.units = _units((width, 2 * width, 4 * width), kernels, activations, conv)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(4 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.classifier(self.pool(self.units(self.stem(x))).flatten(1))


class SmallVgg(nn.Module):
    """The five 3x3 binarised convolutions of VGG-small, without shortcuts, behind the same stem.

    (N, 1, 28, 28) to (N, 10): one convolution at 12x12, two at 6x6, two at 3x3, of 1, 2, 2, 4, 4
    times `width` channels, each with BatchNorm and Hardtanh behind it and a sign before it; pooling
    halves the maps after the first and the third.
    """

    def __init__(self, kernels: Kernels, activations: str, width: int, conv: Conv) -> None:
        """Assemble the network; `activations` are W1A1, W1A32, or W1Ak for k bits."""
        super().__init__()
        self.stem = nn.Sequential(_stem(width), nn.Hardtanh())
        self.blocks = nn.Sequential()
        for before, after, pool in ((1, 1, 2), (1, 2, 1), (2, 2, 2), (2, 4, 1), (4, 4, 1)):
            self.blocks.append(
                nn.Sequential(
                    _activation(activations),
                    conv(before * width, after * width, 1, kernels),
                    nn.MaxPool2d(pool) if pool > 1 else nn.Identity(),
                    nn.BatchNorm2d(after * width),
                    nn.Hardtanh(),
                )
            )
        self.classifier = nn.Linear(4 * width * 3 * 3, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.classifier(self.blocks(self.stem(x)).flatten(1))


def _stem(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, width, 5, stride=2, bias=False), nn.BatchNorm2d(width))


def _activation(activations: str) -> nn.Module:
    bits = int(activations.removeprefix("W1A"))
    if bits == 32:
        return nn.Identity()
    return BinaryActivation("clipped") if bits == 1 else UniformActivation(bits)


def _units(widths: Sequence[int], kernels: Kernels, activations: str, conv: Conv) -> nn.Module:
    bits = int(activations.removeprefix("W1A"))
    units = nn.Sequential()
    for stage, (before, after) in enumerate(pairwise((widths[0], *widths))):
        stride = 2 if stage else 1
        for inputs, step in ((before, stride), (after, 1)):
            unit = ResidualUnit(
                inputs, after, step, kernels, "W1A1" if bits == 1 else "W1A32", conv
            )
            if 1 < bits < 32:
                unit.sign = UniformActivation(bits)
            units.append(unit)
    return units


def _small(
    network: type[SmallResNet] | type[SmallVgg],
    tau: int | None = 5,
    subset: str | PolicyFactory = "vanilla",
    unit: int = 1,
    subset_size: int | None = None,
    activations: str = "W1A1",
    seed: int = 0,
    input_shape: tuple[int, int, int] = (1, 28, 28),  # noqa: ARG001
    width: int = 16,
    latent: float = 1.0,
) -> nn.Module:
    """A network, called as those of the zoo are; its weights are drawn from `seed`.

    Latent weights of binarised convolutions start `latent` times as large as usual. A step moves
    them equally far whatever their size: the smaller they are, the sooner their signs change.
    """
    layers = count()

    def drawn(inputs: int, outputs: int, stride: int, kernels: Kernels) -> nn.Module:
        generator = torch.Generator().manual_seed(1000 * seed + next(layers))
        if kernels.tau is None:
            return BinaryConv2d(inputs, outputs, 3, stride, 1, generator=generator)
        return SubBitConv2d(
            inputs,
            outputs,
            3,
            stride,
            1,
            tau=kernels.tau,
            subset=subset,
            unit=unit,
            subset_size=subset_size,
            generator=generator,
        )

    def conv(inputs: int, outputs: int, stride: int, kernels: Kernels) -> nn.Module:
        layer = drawn(inputs, outputs, stride, kernels)
        layer.weight.data.mul_(latent)
        return layer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(Kernels(tau), activations, width, conv)


small_resnet = partial(_small, SmallResNet)
small_vgg = partial(_small, SmallVgg)
