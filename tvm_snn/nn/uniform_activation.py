"""The k-bit activation of networks that are between binary and float (W1Ak)."""

from torch import Tensor, nn

from ..errors import ModelError
from .straight_through import round_in_range


class UniformActivation(nn.Module):
    """x clipped to [0, top] and rounded to 2^bits - 1 equal steps; any shape, same shape out.

    q(x) = round(clip(x, 0, top) * (2^bits - 1) / top) * top / (2^bits - 1), ties to even; the
    gradient passes where 0 <= x <= top. Source: Zhuang et al., "Structured Binary Neural
    Networks", CVPR 2019, fixed-point activations (their beta is `top`). Raises ModelError unless
    1 <= bits <= 8 and top > 0.
    """

    def __init__(self, bits: int, top: float = 1.0) -> None:
        """Choose the number of bits and the largest value."""
        super().__init__()
        if not 1 <= bits <= 8 or not top > 0:
            raise ModelError(
                f"UniformActivation: bits = {bits} and top = {top}; bits must lie between 1 and 8, "
                "top above 0"
            )
        self.bits = bits
        self.top = top

    def forward(self, x: Tensor) -> Tensor:
        """Clip and round."""
        return round_in_range(x, self.top, 2**self.bits - 1)

    def extra_repr(self) -> str:
        """Show bits and range in the module's printout."""
        return f"bits={self.bits}, top={self.top}"
