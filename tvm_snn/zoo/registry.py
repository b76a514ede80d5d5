"""The table of the zoo: each network by name, with the input it expects."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .resnet import CIFAR_SHAPE, IMAGENET_SHAPE, resnet18, resnet20, resnet34
from .vgg_small import INPUT_SHAPE as VGG_SMALL_SHAPE
from .vgg_small import vgg_small


@dataclass(frozen=True)
class ZooEntry:
    """One network of the zoo."""

    factory: Callable[..., nn.Module]
    """Takes tau, activations, num_classes and seed, all with defaults."""
    input_shape: tuple[int, int, int]
    """(C, H, W) of one sample; inputs are float32 (N, C, H, W)."""


ZOO: dict[str, ZooEntry] = {
    "resnet18": ZooEntry(resnet18, IMAGENET_SHAPE),
    "resnet34": ZooEntry(resnet34, IMAGENET_SHAPE),
    "resnet20": ZooEntry(resnet20, CIFAR_SHAPE),
    "vgg_small": ZooEntry(vgg_small, VGG_SMALL_SHAPE),
}


def example_inputs(name: str, batch_size: int = 1, seed: int = 0) -> tuple[Tensor]:
    """Seeded standard-normal inputs for the network `name`: one float32 (N, C, H, W) tensor.

    Raises ModelError for a name that is not in `ZOO`.
    """
    if name not in ZOO:
        raise ModelError(f"no network {name!r} in the zoo; it has {', '.join(ZOO)}")
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(batch_size, *ZOO[name].input_shape, generator=generator),)
