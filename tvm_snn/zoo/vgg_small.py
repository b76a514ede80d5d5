"""VGG-small, the plain (shortcut-free) CIFAR network of the binary-network literature.

Source: Zhang et al., "LQ-Nets", ECCV 2018, with the layer order of binary networks: convolution,
pooling, BatchNorm, Hardtanh, and the sign right before the next convolution.
"""

from torch import Tensor, nn

from ..nn.activations import Activations, activation
from .layers import Kernels, conv3x3
from .seeded import seeded

INPUT_SHAPE = (3, 32, 32)

# (input channels, output channels, max-pool after it) of the five binarised convolutions, as
# multiples of the stem's channels.
_LAYERS = (
    (1, 1, True),
    (1, 2, False),
    (2, 2, True),
    (2, 4, False),
    (4, 4, True),
)


class VggSmall(nn.Module):
    """Six 3x3 convolutions of 1, 1, 2, 2, 4, 4 times `width` channels and a linear classifier.

    The first convolution and the classifier are float. `input_shape` (C, H, W), N of them, to
    (N, num_classes).
    """

    def __init__(
        self,
        kernels: Kernels,
        activations: Activations,
        num_classes: int,
        input_shape: tuple[int, int, int],
        width: int,
    ) -> None:
        """Assemble the network."""
        super().__init__()
        channels, height, columns = input_shape
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.Hardtanh(),
        )
        self.blocks = nn.Sequential(
            *(
                _block(before * width, after * width, pool, kernels, activations)
                for before, after, pool in _LAYERS
            )
        )
        # Three times halved.
        self.classifier = nn.Linear(4 * width * (height // 8) * (columns // 8), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.classifier(self.blocks(self.stem(x)).flatten(1))


def vgg_small(
    tau: int | None = 5,
    activations: Activations = "W1A1",
    num_classes: int = 10,
    seed: int = 0,
    subset: str = "vanilla",
    unit: int = 1,
    subset_size: int | None = None,
    input_shape: tuple[int, int, int] = INPUT_SHAPE,
    width: int = 128,
) -> nn.Module:
    """VGG-small for (N, 3, 32, 32): five binarised 3x3 convolutions; tau None is 1 bit.

    `tau`, `subset`, `unit` and `subset_size` are those of `Kernels`. Other images have another
    `input_shape` (C, H, W), smaller or larger networks another `width` of the stem.
    """
    kernels = Kernels(tau, subset, unit, subset_size)

    def build() -> nn.Module:
        return VggSmall(kernels, activations, num_classes, input_shape, width)

    return seeded(build, seed, input_shape)


def _block(
    before: int, after: int, pool: bool, kernels: Kernels, activations: Activations
) -> nn.Sequential:
    layers = [activation(activations, "clipped"), conv3x3(before, after, 1, kernels)]
    if pool:
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.BatchNorm2d(after), nn.Hardtanh())
