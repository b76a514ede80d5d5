"""PyTorch layers of sub-bit networks: drop-in convolutions and the sign activation.

Everything here is ordinary PyTorch and knows nothing of TVM. Weights are binarised inside
`forward`, so a trained model exports as it stands and the compiler folds them to constants.
"""

from .binary_activation import BinaryActivation
from .binary_conv2d import BinaryConv2d
from .learnable_bias import LearnableBias
from .sub_bit_conv2d import SubBitConv2d
from .subset import sample_subset

__all__ = [
    "BinaryActivation",
    "BinaryConv2d",
    "LearnableBias",
    "SubBitConv2d",
    "sample_subset",
]
