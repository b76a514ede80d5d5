"""Seeded networks that behave like trained ones: signs both ways, no exploding values."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..nn import LearnableBias

_CALIBRATION_BATCH = 2
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def seeded(build: Callable[[], nn.Module], seed: int, input_shape: tuple[int, ...]) -> nn.Module:
    """Build a network from `seed`, with plausible BatchNorm and biases, in eval mode.

    `input_shape` is one sample's (C, H, W). The same seed gives the same network; torch's global
    random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
        _randomize_affine(model)
        _calibrate(model, torch.randn(_CALIBRATION_BATCH, *input_shape))
    return model.eval()


@torch.no_grad()
def _randomize_affine(model: nn.Module) -> None:
    """Move gains, shifts and slopes off their neutral starting values, where bugs would hide."""
    for module in model.modules():
        if isinstance(module, _NORMS):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0.0, 0.1)
        elif isinstance(module, nn.PReLU):
            module.weight.uniform_(0.1, 0.4)


@torch.no_grad()
def _calibrate(model: nn.Module, images: Tensor) -> None:
    """Fit BatchNorm statistics and learnable biases to the activations of one batch.

    BatchNorm takes the statistics of its input; a learnable bias centres its channel up to a
    random tenth of its spread, as training does: otherwise the sum of shortcuts and PReLU drifts
    to one side and most signs are equal.
    """
    norms = [module for module in model.modules() if isinstance(module, _NORMS)]
    biases = [module for module in model.modules() if isinstance(module, LearnableBias)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    hooks = [bias.register_forward_pre_hook(_centre) for bias in biases]
    model.train()(images)
    for hook in hooks:
        hook.remove()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _centre(module: LearnableBias, inputs: tuple[Any, ...]) -> None:
    std, mean = torch.std_mean(inputs[0], dim=(0, 2, 3), keepdim=True)
    module.bias.copy_(0.1 * std * torch.randn_like(std) - mean)
