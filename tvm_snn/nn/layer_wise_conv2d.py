"""Group-Net's layer-wise decomposition: a convolution as a weighted sum of binary ones."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import ModelError


class LayerWiseConv2d(nn.Module):
    """y = sum_m scale[m] * conv_m(x) for M binary or sub-bit convolutions of the same input.

    Source: Zhuang et al., "Structured Binary Neural Networks", CVPR 2019, layer-wise binary
    decomposition. The M bases are the output channels m*O .. m*O + O - 1 of one convolution,
    `wide`, so that training and compiled network compute all of them at once; `scale` (M,) is
    learned and starts at 1/M. (N, C, H, W) to (N, O, H', W').
    """

    def __init__(self, wide: Callable[[int], nn.Module], out_channels: int, bases: int) -> None:
        """Make the convolution by `wide(M * out_channels)`; M is `bases`.

        Raises ModelError when that is below 1.
        """
        super().__init__()
        if bases < 1:
            raise ModelError(f"LayerWiseConv2d: bases = {bases}; it takes 1 or more")
        self.out_channels = out_channels
        self.wide = wide(bases * out_channels)
        self.scale = nn.Parameter(torch.full((bases,), 1 / bases))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with all bases and sum."""
        # Slices and not a fifth dimension: convolutions are compiled channels-last.
        parts = self.wide(x).split(self.out_channels, dim=1)
        total = self.scale[0] * parts[0]
        for scale, part in zip(self.scale[1:], parts[1:], strict=True):
            total = total + scale * part
        return total
