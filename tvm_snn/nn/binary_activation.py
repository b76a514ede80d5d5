"""The sign activation that feeds W1A1 layers."""

from torch import Tensor, nn

from .estimators import Estimator, Slope
from .straight_through import sign_clipped, sign_error_decay, sign_polynomial


class BinaryActivation(nn.Module):
    """sign(x) with sign(0) = 0: any shape in, the same shape out, values in {-1, 0, +1}.

    `estimator` chooses the gradient: "polynomial" (Bi-Real Net), "clipped" (the gradient of
    Hardtanh) or "error_decay" (IR-Net; follows `set_progress`); see `slopes`. Raises ModelError
    for another name.
    """

    def __init__(self, estimator: Estimator = "polynomial") -> None:
        """Choose the gradient estimator."""
        super().__init__()
        self.slope = Slope(estimator)

    def forward(self, x: Tensor) -> Tensor:
        """Return sign(x)."""
        # The slope is computed backward, from x: kept from here it would be a second copy.
        if self.slope.progress is not None:
            return sign_error_decay(x, self.slope.progress)
        return sign_clipped(x) if self.slope.estimator == "clipped" else sign_polynomial(x)

    def extra_repr(self) -> str:
        """Show the estimator in the module's printout."""
        return self.slope.estimator
