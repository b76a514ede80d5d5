"""The sub-bit convolution: every unit of weights is one of a layer's K binary kernels."""

import torch
from torch import Tensor

from ..errors import ModelError
from .binarized_conv2d import BinarizedConv2d, Pair
from .nearest_kernel import gather_kernels, nearest_kernels
from .subset import sample_subset


class SubBitConv2d(BinarizedConv2d):
    """Convolution whose kernels come from a subset P of K = 2^tau binary patterns.

    A unit is `unit` (g) input channels x kh x kw. In forward each unit of latent weights is
    replaced by scale[o] * P[idx[o, u]], the nearest subset kernel (Wang et al., "Sub-bit Neural
    Networks", ICCV 2021, Eq. (2)), so that a unit is stored in tau bits. P is drawn at random
    once and kept (the vanilla SNN of the paper); it is the buffer `subset`, int8 of shape
    (K, g, kh, kw), so that a state dict alone restores the layer.

    With tau = g*kh*kw the subset holds every pattern and the layer equals `BinaryConv2d`.
    See `BinarizedConv2d` for shapes, the scale and the gradient.
    """

    subset: Tensor

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
        tau: int = 5,
        subset_size: int | None = None,
        unit: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        """Take the arguments of `torch.nn.Conv2d` plus the subset's.

        `subset_size` (any K >= 1) takes the place of 2^tau where given; `unit` is g;
        `generator` seeds the latent weights and the subset. Raises ModelError when the input
        channels of a group do not divide by `unit` or the subset exceeds the patterns.
        """
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, generator
        )
        group_channels = in_channels // groups
        if unit < 1 or group_channels % unit:
            raise ModelError(
                f"SubBitConv2d: the {group_channels} input channels of a group must divide by "
                f"unit = {unit}"
            )
        size = 2**tau if subset_size is None else subset_size
        self.register_buffer("subset", sample_subset(size, (unit, *self.kernel_size), generator))

    @property
    def index_bits(self) -> int:
        """Bits that store one kernel index: tau, or the next integer above log2(K)."""
        return (self.subset.shape[0] - 1).bit_length()

    def kernel_indices(self) -> Tensor:
        """The kernel index of every unit: int64 of shape (O, C/groups/g)."""
        return nearest_kernels(self.weight.detach(), self.subset)

    def binarize(self, weight: Tensor) -> Tensor:
        """Replace every unit by its nearest subset kernel."""
        return gather_kernels(nearest_kernels(weight, self.subset), self.subset).to(weight.dtype)

    def extra_repr(self) -> str:
        """Add the subset to the printout of the geometry."""
        size, unit = self.subset.shape[:2]
        return f"{super().extra_repr()}, subset_size={size}, unit={unit}"
