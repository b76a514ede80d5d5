"""What the binary and the sub-bit convolution share: the geometry."""

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .binarized_layer import BinarizedLayer
from .estimators import Estimator

Pair = int | tuple[int, int]


class BinarizedConv2d(BinarizedLayer):
    """A 2-d convolution whose weights are scale[o] * {+1, -1} in every forward.

    `weight` is (O, C/groups, kh, kw), `bias` (O,) or None; see `BinarizedLayer`. Input
    (N, C, H, W), output (N, O, H', W') with the strides, zero padding, dilation and groups of
    `torch.nn.Conv2d`. Raises ModelError when channels do not divide by groups.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair,
        padding: Pair,
        dilation: Pair,
        groups: int,
        bias: bool,
        estimator: Estimator,
        balanced: bool,
        generator: torch.Generator | None,
    ) -> None:
        """Create latent weights, drawn from `generator` or torch's global one."""
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ModelError(
                f"{type(self).__name__}: {in_channels} input and {out_channels} output channels "
                f"must both divide by groups = {groups}"
            )
        shape = (out_channels, in_channels // groups, *_pair(kernel_size))
        super().__init__(shape, bias, estimator, balanced, generator)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.dilation = _pair(dilation)
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with the binarised weights."""
        return nn.functional.conv2d(
            x,
            self.effective_weight(),
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )

    def extra_repr(self) -> str:
        """Show the geometry in the module's printout."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"groups={self.groups}, bias={self.bias is not None}"
        )


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
