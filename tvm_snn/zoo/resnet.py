"""ResNets in the style of Bi-Real Net and ReActNet: a shortcut around every 3x3 convolution.

Sources: Liu et al., "Bi-Real Net", ECCV 2018 (one shortcut per binary convolution, AvgPool + 1x1
float convolution where the shape changes); Liu et al., "ReActNet", ECCV 2020 (learnable biases
before the sign and around PReLU). Stem, 1x1 shortcuts and classifier are float.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from ..nn import LearnableBias
from ..nn.activations import Activations, activation
from .layers import Kernels, conv3x3
from .seeded import seeded

IMAGENET_SHAPE = (3, 224, 224)
CIFAR_SHAPE = (3, 32, 32)


class ResidualUnit(nn.Module):
    """bias, sign, 3x3 convolution, BatchNorm; plus the shortcut; bias, PReLU, bias.

    (N, C, H, W) to (N, O, H/stride, W/stride). For W1A32 the sign is left out.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        kernels: Kernels,
        activations: Activations,
        conv: Callable[[int, int, int, Kernels], nn.Module] = conv3x3,
    ) -> None:
        """Build the unit; its shortcut is the identity unless the shape changes.

        `conv` makes its convolution from input channels, output channels, stride and kernels.
        """
        super().__init__()
        self.bias_in = LearnableBias(in_channels)
        self.sign = activation(activations, "polynomial")
        self.conv = conv(in_channels, out_channels, stride, kernels)
        self.norm = nn.BatchNorm2d(out_channels)
        self.shortcut = _shortcut(in_channels, out_channels, stride)
        self.bias_mid = LearnableBias(out_channels)
        self.prelu = nn.PReLU(out_channels)
        self.bias_out = LearnableBias(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the unit."""
        y = self.norm(self.conv(self.sign(self.bias_in(x)))) + self.shortcut(x)
        return self.bias_out(self.prelu(self.bias_mid(y)))


class ResNet(nn.Module):
    """A stem, stages of residual units, global average pooling and a linear classifier.

    Stage i has `depths[i]` units of `widths[i]` channels; every stage but the first halves the
    map. `stem` gives `widths[0]` channels. (N, 3, H, W) to (N, num_classes).
    """

    def __init__(
        self,
        stem: nn.Module,
        widths: Sequence[int],
        depths: Sequence[int],
        kernels: Kernels,
        activations: Activations,
        num_classes: int,
    ) -> None:
        """Assemble the network."""
        super().__init__()
        self.stem = stem
        self.stages = nn.Sequential()
        for index, ((before, width), depth) in enumerate(
            zip(pairwise([widths[0], *widths]), depths, strict=True)
        ):
            first = ResidualUnit(before, width, 1 if index == 0 else 2, kernels, activations)
            rest = [ResidualUnit(width, width, 1, kernels, activations) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(first, *rest))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.classifier(self.pool(self.stages(self.stem(x))).flatten(1))


def resnet18(
    tau: int | None = 5,
    activations: Activations = "W1A1",
    num_classes: int = 1000,
    seed: int = 0,
    subset: str = "vanilla",
    unit: int = 1,
    subset_size: int | None = None,
) -> nn.Module:
    """ResNet-18 for (N, 3, 224, 224): sixteen 3x3 binarised convolutions; tau None is 1 bit.

    `tau`, `subset`, `unit` and `subset_size` are those of `Kernels`.
    """
    kernels = Kernels(tau, subset, unit, subset_size)
    return _imagenet_resnet((4, 4, 4, 4), kernels, activations, num_classes, seed)


def resnet34(
    tau: int | None = 5,
    activations: Activations = "W1A1",
    num_classes: int = 1000,
    seed: int = 0,
    subset: str = "vanilla",
    unit: int = 1,
    subset_size: int | None = None,
) -> nn.Module:
    """ResNet-34 for (N, 3, 224, 224): 32 binarised 3x3 convolutions; tau None is 1 bit.

    `tau`, `subset`, `unit` and `subset_size` are those of `Kernels`.
    """
    kernels = Kernels(tau, subset, unit, subset_size)
    return _imagenet_resnet((6, 8, 12, 6), kernels, activations, num_classes, seed)


def resnet20(
    tau: int | None = 5,
    activations: Activations = "W1A1",
    num_classes: int = 10,
    seed: int = 0,
    subset: str = "vanilla",
    unit: int = 1,
    subset_size: int | None = None,
    input_shape: tuple[int, int, int] = CIFAR_SHAPE,
    width: int = 16,
    depth: int = 6,
) -> nn.Module:
    """ResNet-20 for (N, 3, 32, 32): 18 binarised 3x3 convolutions; tau None is 1 bit.

    `tau`, `subset`, `unit` and `subset_size` are those of `Kernels`. Other images have another
    `input_shape` (C, H, W); smaller or larger networks another `width` of the first of the three
    stages (the others are 2 and 4 times as wide) or `depth`, the convolutions in each.
    """
    kernels = Kernels(tau, subset, unit, subset_size)

    def build() -> nn.Module:
        stem = nn.Sequential(
            nn.Conv2d(input_shape[0], width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        widths, depths = (width, 2 * width, 4 * width), (depth, depth, depth)
        return ResNet(stem, widths, depths, kernels, activations, num_classes)

    return seeded(build, seed, input_shape)


def _imagenet_resnet(
    depths: Sequence[int],
    kernels: Kernels,
    activations: Activations,
    num_classes: int,
    seed: int,
) -> nn.Module:
    def build() -> nn.Module:
        return ResNet(
            imagenet_stem(64), (64, 128, 256, 512), depths, kernels, activations, num_classes
        )

    return seeded(build, seed, IMAGENET_SHAPE)


def imagenet_stem(channels: int) -> nn.Module:
    """What maps (N, 3, 224, 224) to (N, channels, 56, 56): 7x7 convolution and max-pooling."""
    return nn.Sequential(
        nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(channels),
        nn.MaxPool2d(3, stride=2, padding=1),
    )


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(
        nn.AvgPool2d(stride, stride),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
    )
