"""Group-Net: residual networks whose parts are sums of M binary or sub-bit bases."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from ..errors import ModelError
from ..nn import Groups, LayerWiseConv2d
from ..nn.activations import Activations
from .layers import Kernels, conv3x3
from .resnet import CIFAR_SHAPE, ResidualUnit
from .seeded import seeded

Decomposition = Literal["layer-wise", "v1", "v2", "v3"]

_UNITS_OF_A_BLOCK = 2


class GroupNet(nn.Module):
    """A float stem, decomposed residual blocks, global average pooling, a float classifier."""

    def __init__(self, stem: nn.Module, body: nn.Module, width: int, num_classes: int) -> None:
        """Assemble the network; `body` gives `width` channels."""
        super().__init__()
        self.stem = stem
        self.body = body
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.classifier(self.pool(self.body(self.stem(x))).flatten(1))


def group_net(
    decomposition: Decomposition = "v1",
    bases: int = 5,
    soft: bool = True,
    tau: int | None = None,
    activations: Activations = "W1A1",
    num_classes: int = 10,
    seed: int = 0,
    subset: str = "vanilla",
    unit: int = 1,
    subset_size: int | None = None,
    input_shape: tuple[int, int, int] = CIFAR_SHAPE,
    width: int = 16,
    depth: int = 3,
) -> nn.Module:
    """A ResNet of three stages of `depth` blocks, decomposed into `bases` (M) bases.

    A block is two residual units of `tvm_snn.zoo.resnet`; the first unit of a branch has no bias
    before its sign, so that branches that see the same image convolve the same signs, which
    compiled networks do in one convolution where they are narrow. "layer-wise" decomposes every 3x3
    convolution; group-wise, a branch is one block in "v1", two blocks in "v2" and all blocks in
    "v3" (Zhuang et al., "Structured Binary Neural Networks", CVPR 2019). `soft` connects groups
    by learned theta; see `tvm_snn.nn.Group`. The rest is as in `resnet20`: with tau 5 every base is
    sub-bit. Raises ModelError for another decomposition.
    """
    if decomposition not in ("layer-wise", "v1", "v2", "v3"):
        raise ModelError(
            f"unknown decomposition {decomposition!r}; use 'layer-wise', 'v1', 'v2' or 'v3'"
        )
    kernels = Kernels(tau, subset, unit, subset_size)

    def build() -> nn.Module:
        stem = nn.Sequential(
            nn.Conv2d(input_shape[0], width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        widths = (width, 2 * width, 4 * width)
        conv = partial(_layer_wise, bases) if decomposition == "layer-wise" else conv3x3
        blocks = [
            partial(_block, before, after, kernels, activations, conv)
            for before, after in _block_widths(widths, depth)
        ]
        if decomposition == "layer-wise":
            body: nn.Module = nn.Sequential(*(block() for block in blocks))
        else:
            size = {"v1": 1, "v2": 2, "v3": len(blocks)}[decomposition]
            parts = [blocks[i : i + size] for i in range(0, len(blocks), size)]
            body = Groups([partial(_branch, part) for part in parts], bases, soft)
        return GroupNet(stem, body, widths[-1], num_classes)

    return seeded(build, seed, input_shape)


def _block_widths(widths: tuple[int, ...], depth: int) -> list[tuple[int, int]]:
    """Channels before and after every block."""
    stages = pairwise([widths[0], *widths])
    return [
        pair
        for before, after in stages
        for pair in [(before, after), *[(after, after)] * (depth - 1)]
    ]


def _block(
    before: int,
    after: int,
    kernels: Kernels,
    activations: Activations,
    conv: Callable[[int, int, int, Kernels], nn.Module],
) -> nn.Sequential:
    """A residual block; it halves the map where it widens it."""
    stride = 1 if before == after else 2
    first = ResidualUnit(before, after, stride, kernels, activations, conv)
    rest = (
        ResidualUnit(after, after, 1, kernels, activations, conv)
        for _ in range(_UNITS_OF_A_BLOCK - 1)
    )
    return nn.Sequential(first, *rest)


def _branch(blocks: Sequence[Callable[[], nn.Sequential]]) -> nn.Module:
    """Blocks one after the other, the first of which takes the sign of its input as it is."""
    first, *rest = (block() for block in blocks)
    first[0].bias_in = nn.Identity()
    return nn.Sequential(first, *rest)


def _layer_wise(
    bases: int, in_channels: int, out_channels: int, stride: int, kernels: Kernels
) -> nn.Module:
    def wide(channels: int) -> nn.Module:
        return conv3x3(in_channels, channels, stride, kernels)

    return LayerWiseConv2d(wide, out_channels, bases)
