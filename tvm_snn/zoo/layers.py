"""What a network of the zoo leaves open: the kernels of its layers."""

from dataclasses import dataclass

from torch import nn

from ..nn import BinaryConv2d, SubBitConv2d


@dataclass(frozen=True)
class Kernels:
    """Which kernels the binarised 3x3 convolutions of a network may use."""

    tau: int | None = 5
    """The subset has 2^tau kernels; None is 1 bit a weight."""
    subset: str = "vanilla"
    """The subset policy, a name in `tvm_snn.nn.POLICIES`."""
    unit: int = 1
    """Input channels that an index stands for: 2 for paired units."""
    subset_size: int | None = None
    """The number of kernels where it is not 2^tau."""


def conv3x3(in_channels: int, out_channels: int, stride: int, kernels: Kernels) -> nn.Module:
    """A 3x3 convolution with zero padding 1: sub-bit with those kernels, or 1-bit."""
    if kernels.tau is None:
        return BinaryConv2d(in_channels, out_channels, 3, stride, padding=1)
    return SubBitConv2d(
        in_channels,
        out_channels,
        3,
        stride,
        padding=1,
        tau=kernels.tau,
        subset=kernels.subset,
        unit=kernels.unit,
        subset_size=kernels.subset_size,
    )
