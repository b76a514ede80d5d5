"""The 1-bit dense layer."""

import torch
from torch import Tensor

from .binarized_linear import BinarizedLinear
from .binary_signs import signs
from .estimators import Estimator


class BinaryLinear(BinarizedLinear):
    """Dense layer with weights scale[o] * sign(w), where sign(0) is +1: one bit a weight.

    See `BinarizedLinear` for shapes and `BinarizedLayer` for the scale and the gradient.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        estimator: Estimator = "clipped",
        balanced: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        """Take the arguments of `torch.nn.Linear`, and how weights become binary."""
        super().__init__(in_features, out_features, bias, estimator, balanced, generator)

    def binarize(self, latent: Tensor) -> Tensor:
        """+1 where latent >= 0, else -1."""
        return signs(latent, self.slope(latent.detach()))
