"""A network small enough to be trained many times on one core."""

from collections.abc import Callable, Sequence
from itertools import count, pairwise

import torch
from torch import Tensor, nn

from tvm_snn.nn import BinaryConv2d, SubBitConv2d, UniformActivation
from tvm_snn.nn.subsets import PolicyFactory
from tvm_snn.zoo.layers import Kernels
from tvm_snn.zoo.resnet import ResidualUnit


class SmallResNet(nn.Module):
    """Six 3x3 binarised convolutions of a ResNet-20 behind a stem of stride 2.

    (N, 1, 28, 28) to (N, 10): a 5x5 stem without padding, then two residual units each at 12x12,
    6x6 and 3x3, of `width`, 2 `width` and 4 `width` channels.
    """

    def __init__(
        self,
        tau: int | None,
        subset: str | PolicyFactory,
        unit: int,
        subset_size: int | None,
        activations: str,
        seed: int,
        width: int,
    ) -> None:
        """Draw the weights from `seed`; `activations` are W1A1, W1A32, or W1Ak for k bits.

        Every binarised convolution has a generator of its own, from which it draws its latent
        weights first and its subset second: methods are compared from the same start.
        """
        super().__init__()
        layers = count()

        def conv(inputs: int, outputs: int, stride: int, kernels: Kernels) -> nn.Module:
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

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.stem = nn.Sequential(
                nn.Conv2d(1, width, 5, stride=2, bias=False), nn.BatchNorm2d(width)
            )
            self.units = _units((width, 2 * width, 4 * width), Kernels(tau), activations, conv)
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.classifier = nn.Linear(4 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.classifier(self.pool(self.units(self.stem(x))).flatten(1))


def _units(
    widths: Sequence[int],
    kernels: Kernels,
    activations: str,
    conv: Callable[[int, int, int, Kernels], nn.Module],
) -> nn.Module:
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


def small_resnet(
    tau: int | None = 5,
    subset: str | PolicyFactory = "vanilla",
    unit: int = 1,
    subset_size: int | None = None,
    activations: str = "W1A1",
    seed: int = 0,
    input_shape: tuple[int, int, int] = (1, 28, 28),  # noqa: ARG001
    width: int = 16,
) -> nn.Module:
    """A `SmallResNet`, called as the networks of the zoo are."""
    return SmallResNet(tau, subset, unit, subset_size, activations, seed, width)
