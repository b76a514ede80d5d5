"""PyTorch layers of binary and sub-bit networks, and what makes a float network one.

Everything here is ordinary PyTorch and knows nothing of TVM. Weights are binarised inside
`forward`, so a trained model exports as it stands (in eval mode) and the compiler folds them to
constants. Which kernels a sub-bit layer may use is said in `subsets`.
"""

from .binarized_layer import BinarizedLayer, set_float_weights
from .binary_activation import BinaryActivation
from .binary_conv2d import BinaryConv2d
from .binary_linear import BinaryLinear
from .convert import convert, first_and_last
from .estimators import set_progress
from .group import Group, Groups
from .layer_wise_conv2d import LayerWiseConv2d
from .learnable_bias import LearnableBias
from .sub_bit_conv2d import SubBitConv2d
from .sub_bit_layer import SubBitLayer
from .sub_bit_linear import SubBitLinear
from .subsets import POLICIES, SubsetPolicy, sample_subset
from .uniform_activation import UniformActivation

__all__ = [
    "POLICIES",
    "BinarizedLayer",
    "BinaryActivation",
    "BinaryConv2d",
    "BinaryLinear",
    "Group",
    "Groups",
    "LayerWiseConv2d",
    "LearnableBias",
    "SubBitConv2d",
    "SubBitLayer",
    "SubBitLinear",
    "SubsetPolicy",
    "UniformActivation",
    "convert",
    "first_and_last",
    "sample_subset",
    "set_float_weights",
    "set_progress",
]
