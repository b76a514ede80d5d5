"""The start of training for networks of the zoo, which come with values as trained ones have."""

import torch
from torch import nn

from ..nn import LearnableBias


@torch.no_grad()
def start_fresh(model: nn.Module) -> None:
    """Set BatchNorm, PReLU and learnable biases to their neutral starting values.

    The zoo moves them to where those of trained networks are, so that an untrained network can
    stand for a trained one in tests and measurements.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.PReLU):
            module.weight.fill_(0.25)
        elif isinstance(module, LearnableBias):
            module.bias.zero_()
