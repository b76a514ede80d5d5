"""Levels: unsigned k-bit activations (W1Ak), as uint8 data of a layer.

The data are 0 .. `top_level`, an attribute of the call, 2^k - 1 for k bits; they stand for
multiples of a step that is a factor of its own after the operator. Their sums are integers, and
zero padding is level 0: both are exact.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

from tvm import relax

from ..errors import ModelError
from ..tvm_api import attrs_dict

LEVELS = "uint8"
"""Dtype of data that are levels."""
TOP_LEVEL = "top_level"
"""Attribute of a call: the largest level of its data."""
MOST_LEVEL = 255
"""The largest level of data whose call does not say it, and of any."""
EXACT = 2**24
"""Sums below this are exact in float32, in which they are scaled, and in which some are made."""


def top_level(attrs: Mapping[str, Any]) -> int:
    """Return the largest level of the data of a call with these attributes."""
    return int(attrs.get(TOP_LEVEL, MOST_LEVEL))


def is_exact(top: int, weights: int) -> bool:
    """Tell whether a sum of `weights` levels up to `top` is exact, whatever their signs."""
    return top * weights < EXACT


def check_levels(call: relax.Call, *weights: int) -> None:
    """Raise ModelError when the attribute of a call on levels is impossible, or its sums too large.

    `weights` are the sizes of one output's weights. Calls on other data pass.
    """
    if str(call.args[0].ty.dtype) != LEVELS:
        return
    top = top_level(attrs_dict(call))
    if not 1 <= top <= MOST_LEVEL:
        raise ModelError(
            f"{call.op.name}: {TOP_LEVEL} is {top}; a number from 1 to {MOST_LEVEL} is expected."
        )
    if not is_exact(top, prod(weights)):
        raise ModelError(
            f"{call.op.name}: sums of {prod(weights)} levels up to {top} may reach {EXACT}, beyond "
            "which float32 is not exact; pass float32 data instead."
        )
