"""The activations before a binarised layer, by the name of what weights and activations are."""

from typing import Literal, get_args

from torch import nn

from ..errors import ModelError
from .binary_activation import BinaryActivation
from .estimators import Estimator
from .uniform_activation import UniformActivation

Activations = Literal["W1A1", "W1A2", "W1A3", "W1A4", "W1A5", "W1A6", "W1A7", "W1A8", "W1A32"]
"""1 bit a weight at most, and the bits of an activation."""


def activation(activations: Activations, estimator: Estimator) -> nn.Module:
    """Return what stands before a binarised layer.

    That is a sign for W1A1, with the gradient of `estimator`, nothing for W1A32, and [0, 1] in
    2^k - 1 steps for W1Ak. Raises ModelError for another name.
    """
    if activations not in get_args(Activations):
        known = ", ".join(map(repr, get_args(Activations)))
        raise ModelError(f"unknown activations {activations!r}; known are {known}")
    if activations == "W1A1":
        return BinaryActivation(estimator)
    if activations == "W1A32":
        return nn.Identity()
    return UniformActivation(bits=int(activations.removeprefix("W1A")))
