"""The 1-bit convolution: each weight is its own sign."""

import torch
from torch import Tensor

from .binarized_conv2d import BinarizedConv2d, Pair


class BinaryConv2d(BinarizedConv2d):
    """Convolution with weights scale[o] * sign(w), where sign(0) is +1: one bit a weight.

    See `BinarizedConv2d` for shapes, the scale and the gradient.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair = 3,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        """Take the arguments of `torch.nn.Conv2d`; `generator` seeds the latent weights."""
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, generator
        )

    def binarize(self, weight: Tensor) -> Tensor:
        """+1 where weight >= 0, else -1: a weight has no third value to take at 0."""
        return torch.where(weight >= 0, 1.0, -1.0).to(weight.dtype)
