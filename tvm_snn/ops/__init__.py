"""The operators of sub-bit and binary layers: meaning, shape rule and numpy reference of each.

Every operator takes an attribute `strategy`: the name of the schedule that computes it, "" until
one is chosen. Importing this package makes the operators known to Relax.
"""

from .binary_conv2d import binary_conv2d
from .binary_dense import binary_dense
from .geometry import ConvGeometry
from .operator import Operator, static_shape, with_strategy
from .subset_conv2d import subset_conv2d
from .subset_dense import subset_dense

OPERATORS: dict[str, Operator] = {
    operator.name: operator
    for operator in (subset_conv2d, binary_conv2d, subset_dense, binary_dense)
}

__all__ = [
    "OPERATORS",
    "ConvGeometry",
    "Operator",
    "binary_conv2d",
    "binary_dense",
    "static_shape",
    "subset_conv2d",
    "subset_dense",
    "with_strategy",
]
