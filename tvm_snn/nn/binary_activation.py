"""The sign activation that feeds W1A1 layers."""

from typing import Literal

from torch import Tensor, nn

from ..errors import ModelError
from .straight_through import sign_clipped, sign_polynomial

Estimator = Literal["polynomial", "clipped"]

_SIGN = {"polynomial": sign_polynomial, "clipped": sign_clipped}


class BinaryActivation(nn.Module):
    """sign(x) with sign(0) = 0: any shape in, the same shape out, values in {-1, 0, +1}.

    `estimator` chooses the gradient: "polynomial" (Bi-Real Net) or "clipped" (the gradient of
    Hardtanh); see `straight_through`. Raises ModelError for another name.
    """

    def __init__(self, estimator: Estimator = "polynomial") -> None:
        """Choose the gradient estimator."""
        super().__init__()
        if estimator not in _SIGN:
            raise ModelError(
                f"BinaryActivation: unknown estimator {estimator!r}; use one of {sorted(_SIGN)}"
            )
        self.estimator = estimator

    def forward(self, x: Tensor) -> Tensor:
        """Return sign(x)."""
        return _SIGN[self.estimator](x)

    def extra_repr(self) -> str:
        """Show the estimator in the module's printout."""
        return self.estimator
