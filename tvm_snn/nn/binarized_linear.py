"""What the binary and the sub-bit dense layer share."""

import torch
from torch import Tensor, nn

from .binarized_layer import BinarizedLayer
from .estimators import Estimator


class BinarizedLinear(BinarizedLayer):
    """A dense layer whose weights are scale[o] * {+1, -1} in every forward.

    `weight` is (O, I), `bias` (O,) or None; see `BinarizedLayer`. Input (..., I), output (..., O).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool,
        estimator: Estimator,
        balanced: bool,
        generator: torch.Generator | None,
    ) -> None:
        """Create latent weights, drawn from `generator` or torch's global one."""
        super().__init__((out_features, in_features), bias, estimator, balanced, generator)
        self.in_features = in_features
        self.out_features = out_features

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by the binarised weights."""
        return nn.functional.linear(x, self.effective_weight(), self.bias)

    def extra_repr(self) -> str:
        """Show the sizes in the module's printout."""
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"
