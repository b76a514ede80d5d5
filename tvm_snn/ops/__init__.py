"""The operators of sub-bit and binary networks: meaning, shape rule and numpy reference of each.

Every layer takes the attributes `strategy`, the name of the schedule that computes it, "" until
one is chosen, and `config`, the schedule's knobs. Importing this package makes the operators
known to Relax.
"""

from .binary_conv2d import binary_conv2d
from .binary_dense import binary_dense
from .fixed_point_trunk import fixed_point_trunk
from .geometry import ConvGeometry
from .operator import Operator, image_size, static_shape, with_strategy
from .pack_signs import pack_signs
from .subset_conv2d import subset_conv2d
from .subset_dense import subset_dense

LAYERS: dict[str, Operator] = {
    operator.name: operator
    for operator in (subset_conv2d, binary_conv2d, subset_dense, binary_dense)
}
"""The operators that have weights: strategies compute them."""
OPERATORS: dict[str, Operator] = {
    **LAYERS,
    **{operator.name: operator for operator in (pack_signs, fixed_point_trunk)},
}
"""All of them."""

ACCELERATOR = "accelerator"
"""The strategy of layers that no schedule computes, but an accelerator beside the processor."""

__all__ = [
    "ACCELERATOR",
    "LAYERS",
    "OPERATORS",
    "ConvGeometry",
    "Operator",
    "binary_conv2d",
    "binary_dense",
    "fixed_point_trunk",
    "image_size",
    "pack_signs",
    "static_shape",
    "subset_conv2d",
    "subset_dense",
    "with_strategy",
]
