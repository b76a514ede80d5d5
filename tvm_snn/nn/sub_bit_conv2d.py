"""The sub-bit convolution: every unit of weights is one of a layer's K binary kernels."""

import torch

from .binarized_conv2d import BinarizedConv2d, Pair
from .estimators import Estimator
from .sub_bit_layer import SubBitLayer
from .subsets import PolicyFactory

POINTWISE_UNIT = 8
"""Input channels that an index of a 1x1 convolution or a dense layer stands for, if not said."""


class SubBitConv2d(SubBitLayer, BinarizedConv2d):
    """Convolution whose kernels come from a subset P of K = 2^tau binary patterns.

    A unit is `unit` (g) input channels x kh x kw. In forward each unit of latent weights is
    replaced by scale[o] * P[idx[o, u]], the nearest subset kernel (Wang et al., "Sub-bit Neural
    Networks", ICCV 2021, Eq. (2)), so that a unit is stored in tau bits. How P is chosen is the
    policy's, named by `subset`: "vanilla" draws it at random and keeps it, "refined" learns it;
    see `subsets`. The subset and all that its policy counts are buffers: a state dict restores
    the layer.

    With the full subset the layer equals `BinaryConv2d`. See `BinarizedConv2d` for shapes and
    `BinarizedLayer` for the scale and the gradient.
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
        tau: int = 5,
        subset_size: int | None = None,
        unit: int | None = None,
        subset: str | PolicyFactory = "vanilla",
        estimator: Estimator = "clipped",
        balanced: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        """Take the arguments of `torch.nn.Conv2d` plus the subset's.

        `subset_size` (any K >= 1) takes the place of 2^tau where given; `unit` is g, by default 1,
        or 8 for a 1x1 kernel; `subset` is the policy, a name in `subsets.POLICIES` or a factory;
        `estimator` and `balanced` say how weights become binary; `generator` seeds the latent
        weights and the subset. Raises ModelError when the input channels of a group do not divide
        by `unit` or the subset exceeds the patterns.
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
        if unit is None:
            unit = POINTWISE_UNIT if self.kernel_size == (1, 1) else 1
        size = 2**tau if subset_size is None else subset_size
        self._choose_subset(subset, size, (unit, *self.kernel_size), generator)
