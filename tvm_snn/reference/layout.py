"""Layout strings: which letter stands for which axis, and how to get from one order to another."""

import numpy as np

from ..errors import UnsupportedOperatorError

SPATIAL = "DHW"
"""Letters of spatial axes in the order in which attributes list them."""


def spatial_letters(layout: str) -> str:
    """Give the spatial letters of a layout in the order of the attributes: `NHWC` gives `HW`."""
    return "".join(letter for letter in SPATIAL if letter in layout)


def reordered(x: np.ndarray, source: str, wanted: str) -> np.ndarray:
    """View of x with its axes moved from layout `source` to layout `wanted`."""
    if sorted(source) != sorted(wanted) or len(source) != x.ndim:
        raise UnsupportedOperatorError(
            f"layout '{source}' of a {x.ndim}-dimensional tensor cannot be read as '{wanted}': "
            "layouts are plain permutations here, such as NCHW, NHWC, OIHW or HWIO"
        )
    return x.transpose([source.index(letter) for letter in wanted])
