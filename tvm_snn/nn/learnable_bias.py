"""A learnable shift per channel, as ReActNet puts before each sign and around each PReLU."""

import torch
from torch import Tensor, nn


class LearnableBias(nn.Module):
    """x + bias[c] for x of shape (N, C, H, W); `bias` has shape (1, C, 1, 1) and starts at 0.

    Before a sign it moves the threshold of each channel: sign(x + bias) is the RSign of Liu et
    al., "ReActNet", ECCV 2020.
    """

    def __init__(self, channels: int) -> None:
        """Start with no shift."""
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Shift every channel."""
        return x + self.bias

    def extra_repr(self) -> str:
        """Show the channel count in the module's printout."""
        return str(self.bias.shape[1])
