"""The sub-bit dense layer: every unit of weights is one of a layer's K binary patterns."""

import torch

from .binarized_linear import BinarizedLinear
from .estimators import Estimator
from .sub_bit_conv2d import POINTWISE_UNIT
from .sub_bit_layer import SubBitLayer
from .subsets import PolicyFactory


class SubBitLinear(SubBitLayer, BinarizedLinear):
    """Dense layer whose rows consist of patterns from a subset P of K = 2^tau.

    A unit is `unit` (g) consecutive inputs, by default 8: the extension of Wang et al., "Sub-bit
    Neural Networks", ICCV 2021, to 1x1 convolutions, where tau' of 8 bits are stored. In all else
    this is `SubBitConv2d` with a 1x1 kernel; the subset is int8 (K, g, 1, 1).

    See `BinarizedLinear` for shapes and `BinarizedLayer` for the scale and the gradient.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        tau: int = 5,
        subset_size: int | None = None,
        unit: int = POINTWISE_UNIT,
        subset: str | PolicyFactory = "vanilla",
        estimator: Estimator = "clipped",
        balanced: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        """Take the arguments of `torch.nn.Linear` plus those of `SubBitConv2d`."""
        super().__init__(in_features, out_features, bias, estimator, balanced, generator)
        size = 2**tau if subset_size is None else subset_size
        self._choose_subset(subset, size, (unit, 1, 1), generator)
