"""Networks whose floats are exact: every engine, whatever order it adds in, gives the same bits."""

import torch
from torch import nn

from tvm_snn.nn import LearnableBias
from tvm_snn.nn.binarized_conv2d import BinarizedConv2d


@torch.no_grad()
def make_exact(model: nn.Module, seed: int = 0, threshold: float = 0.0) -> nn.Module:
    """Give a network of the zoo parameters that are small multiples of 1/2, and return it.

    On images of small integers all sums then are short binary fractions, also after averaging over
    windows: no addition rounds. Factors and slopes of both signs and of zero occur. Signs of zero
    do, too, unless `threshold` moves all thresholds by less than the fractions' grid: for networks
    whose stem is computed by minimal filtering, which does round.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(like: torch.Tensor, low: int, high: int) -> torch.Tensor:
        return torch.randint(low, high + 1, like.shape, generator=generator).to(like.dtype)

    for module in model.modules():
        if isinstance(module, BinarizedConv2d):
            module.weight.copy_(torch.where(module.weight >= 0, 0.5, -0.5))
        elif isinstance(module, nn.Linear) or (
            isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1)
        ):
            # Each output is one of the inputs, or its negative: sums of many would grow.
            flat = module.weight.view(module.weight.shape[0], -1)
            chosen = torch.randint(0, flat.shape[1], (flat.shape[0], 1), generator=generator)
            flat.zero_().scatter_(1, chosen, draw(chosen, 0, 1).to(flat.dtype) * 2 - 1)
            if module.bias is not None:
                module.bias.copy_(draw(module.bias, -3, 3))
        elif isinstance(module, nn.Conv2d):
            module.weight.copy_(draw(module.weight, -1, 1))
            if module.bias is not None:
                module.bias.copy_(draw(module.bias, -3, 3))
        elif isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0
            module.running_var.fill_(1)
            module.running_mean.copy_(draw(module.running_mean, -1, 1))
            module.weight.copy_(draw(module.weight, 0, 1) * 2 - 1)
            module.bias.copy_(draw(module.bias, -3, 3) / 2)
        elif isinstance(module, LearnableBias):
            module.bias.copy_(draw(module.bias, -3, 3) / 2)
        elif isinstance(module, nn.PReLU):
            module.weight.copy_(draw(module.weight, 0, 1))
    for name, module in model.named_modules():
        if name.endswith("bias_in"):
            module.bias.add_(threshold)
    return model


def exact_image(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return an image of integers from -2 to 2."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-2, 3, shape, generator=generator).float()
