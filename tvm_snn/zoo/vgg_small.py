"""VGG-small, the plain (shortcut-free) CIFAR network of the binary-network literature.

Source: Zhang et al., "LQ-Nets", ECCV 2018, with the layer order of binary networks: convolution,
pooling, BatchNorm, Hardtanh, and the sign right before the next convolution.
"""

from torch import Tensor, nn

from .layers import Activations, activation_sign, conv3x3
from .seeded import seeded

INPUT_SHAPE = (3, 32, 32)

# (input channels, output channels, max-pool after it) of the five binarised convolutions.
_LAYERS = (
    (128, 128, True),
    (128, 256, False),
    (256, 256, True),
    (256, 512, False),
    (512, 512, True),
)


class VggSmall(nn.Module):
    """Six 3x3 convolutions (128, 128, 256, 256, 512, 512) and a linear classifier.

    The first convolution and the classifier are float. (N, 3, 32, 32) to (N, num_classes).
    """

    def __init__(self, tau: int | None, activations: Activations, num_classes: int) -> None:
        """Assemble the network."""
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 128, 3, padding=1, bias=False), nn.BatchNorm2d(128), nn.Hardtanh()
        )
        self.blocks = nn.Sequential(
            *(_block(before, after, pool, tau, activations) for before, after, pool in _LAYERS)
        )
        self.classifier = nn.Linear(512 * 4 * 4, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.classifier(self.blocks(self.stem(x)).flatten(1))


def vgg_small(
    tau: int | None = 5,
    activations: Activations = "W1A1",
    num_classes: int = 10,
    seed: int = 0,
) -> nn.Module:
    """VGG-small for (N, 3, 32, 32): five binarised 3x3 convolutions; tau None is 1 bit."""
    return seeded(lambda: VggSmall(tau, activations, num_classes), seed, INPUT_SHAPE)


def _block(
    before: int, after: int, pool: bool, tau: int | None, activations: Activations
) -> nn.Sequential:
    layers = [activation_sign(activations, "clipped"), conv3x3(before, after, 1, tau)]
    if pool:
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.BatchNorm2d(after), nn.Hardtanh())
