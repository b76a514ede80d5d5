"""AlexNet decomposed as in Group-Net: a network without shortcuts as sums of M bases."""

from functools import partial
from typing import Literal

import torch
from torch import nn

from ..errors import ModelError
from ..nn import BinaryConv2d, BinaryLinear, Groups, LayerWiseConv2d, SubBitConv2d, SubBitLinear
from ..nn.activations import Activations, activation
from .layers import Kernels
from .resnet import IMAGENET_SHAPE
from .seeded import seeded

AlexNetDecomposition = Literal["layer-wise", "s1"]

# Of the binarised convolutions behind a stem of 64 channels: rows and columns of the kernel,
# output channels, and whether a max-pool follows.
_LAYERS = ((5, 192, True), (3, 384, False), (3, 256, False), (3, 256, True))
_STEM = 64
_HIDDEN = 4096


def group_alexnet(
    decomposition: AlexNetDecomposition = "s1",
    bases: int = 5,
    soft: bool = True,
    tau: int | None = None,
    activations: Activations = "W1A1",
    num_classes: int = 1000,
    seed: int = 0,
    subset: str = "vanilla",
    unit: int = 1,
    subset_size: int | None = None,
    input_shape: tuple[int, int, int] = IMAGENET_SHAPE,
    width: int = _STEM,
) -> nn.Sequential:
    """AlexNet with `bases` (M) binary or sub-bit bases in the place of each inner convolution.

    (N, C, H, W) to (N, num_classes), for images of 63x63 and larger. Stem and classifier are
    float, the two dense layers between are binarised and not decomposed; BatchNorm takes the place
    of local response normalisation, and a sign stands before each binarised layer.

    "s1" is Group-Net's decomposition of networks without blocks (Zhuang et al., "Structured
    Binary Neural Networks", 2019): a group is one layer (sign, convolution, pooling, BatchNorm,
    Hardtanh), its branches are M of them. That a layer is a group is this project's reading of
    the name. `soft` connects groups by learned theta; see `tvm_snn.nn.Group`. "layer-wise" sums
    convolutions alone. `width` is the channels of the stem, 64 in AlexNet, with which all layers
    scale; the rest is as in `resnet20`. Raises ModelError for another decomposition.
    """
    if decomposition not in ("layer-wise", "s1"):
        raise ModelError(f"unknown decomposition {decomposition!r}; use 'layer-wise' or 's1'")
    kernels = Kernels(tau, subset, unit, subset_size)

    def build() -> nn.Sequential:
        layers = []
        before = width
        for size, outputs, pool in _LAYERS:
            after = outputs * width // _STEM
            layers.append(partial(_layer, size, before, after, pool, kernels, activations))
            before = after
        body = (
            Groups([partial(layer, 0) for layer in layers], bases, soft)
            if decomposition == "s1"
            else nn.Sequential(*(layer(bases) for layer in layers))
        )
        stem = nn.Sequential(
            nn.Conv2d(input_shape[0], width, 11, stride=4, padding=2, bias=False),
            nn.MaxPool2d(3, 2),
            nn.BatchNorm2d(width),
            nn.Hardtanh(),
        )
        with torch.no_grad():
            features = body(stem(torch.zeros(2, *input_shape))).flatten(1).shape[1]
        hidden = _HIDDEN * width // _STEM
        return nn.Sequential(
            stem,
            body,
            nn.Flatten(),
            _dense(features, hidden, kernels, activations),
            _dense(hidden, hidden, kernels, activations),
            nn.Linear(hidden, num_classes),
        )

    model = seeded(build, seed, input_shape)
    assert isinstance(model, nn.Sequential)
    return model


def _layer(
    size: int,
    before: int,
    after: int,
    pool: bool,
    kernels: Kernels,
    activations: Activations,
    bases: int,
) -> nn.Sequential:
    """Sign, convolution, pooling, BatchNorm, Hardtanh; the convolution sums `bases`, unless 0."""

    def conv(channels: int) -> nn.Module:
        if kernels.tau is None:
            return BinaryConv2d(before, channels, size, padding=size // 2)
        return SubBitConv2d(
            before,
            channels,
            size,
            padding=size // 2,
            tau=kernels.tau,
            subset=kernels.subset,
            unit=kernels.unit,
            subset_size=kernels.subset_size,
        )

    made = LayerWiseConv2d(conv, after, bases) if bases else conv(after)
    pooling = [nn.MaxPool2d(3, 2)] if pool else []
    return nn.Sequential(
        activation(activations, "clipped"), made, *pooling, nn.BatchNorm2d(after), nn.Hardtanh()
    )


def _dense(inputs: int, outputs: int, kernels: Kernels, activations: Activations) -> nn.Sequential:
    """Sign, dense layer, BatchNorm, Hardtanh; units of 8 inputs where it is sub-bit."""
    dense: nn.Module
    if kernels.tau is None:
        dense = BinaryLinear(inputs, outputs, bias=False)
    else:
        dense = SubBitLinear(inputs, outputs, bias=False, tau=kernels.tau, subset=kernels.subset)
    return nn.Sequential(
        activation(activations, "clipped"), dense, nn.BatchNorm1d(outputs), nn.Hardtanh()
    )
