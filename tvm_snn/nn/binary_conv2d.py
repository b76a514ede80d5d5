"""The 1-bit convolution: each weight is its own sign."""

import torch
from torch import Tensor

from .binarized_conv2d import BinarizedConv2d, Pair
from .binary_signs import signs
from .estimators import Estimator


class BinaryConv2d(BinarizedConv2d):
    """Convolution with weights scale[o] * sign(w), where sign(0) is +1: one bit a weight.

    See `BinarizedConv2d` for shapes and `BinarizedLayer` for the scale and the gradient.
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
        bias: bool = False,
        *,
        estimator: Estimator = "clipped",
        balanced: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        """Take the arguments of `torch.nn.Conv2d`, and how weights become binary.

        `estimator` is the gradient's, `balanced` chooses IR-Net's weights, `generator` seeds the
        latent weights.
        """
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            estimator,
            balanced,
            generator,
        )

    def binarize(self, latent: Tensor) -> Tensor:
        """+1 where latent >= 0, else -1."""
        return signs(latent, self.slope(latent.detach()))
