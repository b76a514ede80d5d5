"""The two choices a network of the zoo leaves open: bits per weight and bits per activation."""

from typing import Literal

from torch import nn

from ..errors import ModelError
from ..nn import BinaryActivation, BinaryConv2d, SubBitConv2d
from ..nn.binary_activation import Estimator

Activations = Literal["W1A1", "W1A32"]


def conv3x3(in_channels: int, out_channels: int, stride: int, tau: int | None) -> nn.Module:
    """A 3x3 convolution with zero padding 1: sub-bit with K = 2^tau, or 1-bit for tau None."""
    if tau is None:
        return BinaryConv2d(in_channels, out_channels, 3, stride, padding=1)
    return SubBitConv2d(in_channels, out_channels, 3, stride, padding=1, tau=tau)


def activation_sign(activations: Activations, estimator: Estimator) -> nn.Module:
    """What stands before a binarised convolution: a sign for W1A1, nothing for W1A32."""
    if activations == "W1A1":
        return BinaryActivation(estimator)
    if activations == "W1A32":
        return nn.Identity()
    raise ModelError(f"unknown activations {activations!r}; use 'W1A1' or 'W1A32'")
