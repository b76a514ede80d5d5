"""What the binary and the sub-bit convolution share: latent weights, scale and geometry."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .straight_through import replace_by_binary

Pair = int | tuple[int, int]


class BinarizedConv2d(nn.Module, ABC):
    """A 2-d convolution without bias whose weights are scale[o] * {+1, -1} in every forward.

    `weight` (O, C/groups, kh, kw) is the latent float weight that the optimiser moves; a subclass
    says how it becomes binary. The scale of an output channel is its mean |weight| (Rastegari et
    al., "XNOR-Net", ECCV 2016, Eq. (6)), kept out of the gradient as in the code of the sub-bit
    paper: dL/dweight = scale * dL/dW where |weight| <= 1, else 0, for W = scale * binary.

    Input (N, C, H, W), output (N, O, H', W') with the strides, zero padding, dilation and groups
    of `torch.nn.Conv2d`. Raises ModelError when channels do not divide by groups.
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
        generator: torch.Generator | None,
    ) -> None:
        """Create latent weights, drawn from `generator` or torch's global one."""
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ModelError(
                f"{type(self).__name__}: {in_channels} input and {out_channels} output channels "
                f"must both divide by groups = {groups}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.dilation = _pair(dilation)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = nn.Parameter(torch.empty(shape))
        nn.init.kaiming_normal_(self.weight, generator=generator)

    @abstractmethod
    def binarize(self, weight: Tensor) -> Tensor:
        """Return {+1, -1} for the latent weights, same shape and dtype, without gradient."""

    def effective_weight(self) -> Tensor:
        """scale[o] * {+1, -1}: the weight that the convolution really uses, with its gradient."""
        binary = replace_by_binary(self.weight, self.binarize(self.weight.detach()))
        scale = self.weight.detach().abs().mean(dim=(1, 2, 3), keepdim=True)
        return scale * binary

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with the binarised weights."""
        return nn.functional.conv2d(
            x,
            self.effective_weight(),
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
            f"groups={self.groups}"
        )


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
