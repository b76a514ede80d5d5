"""The full subset: every kernel, the binary network that sub-bit ones are compared with."""

import torch
from torch import Tensor

from ...errors import ModelError
from ..binary_signs import signs
from .codes import kernel_codes, kernels_of_codes
from .policy import SubsetPolicy, UnitShape

MAX_FULL_BITS = 12


class FullSubset(SubsetPolicy):
    """All 2^(g*kh*kw) kernels in the order of their codes: the layer is a plain BNN's.

    The nearest kernel of a unit is the sign of each of its entries, so nothing is searched.
    `size` must be None or that number. Raises ModelError for units of more than 12 entries, whose
    patterns are too many to list; a BinaryConv2d needs no list.
    """

    def __init__(
        self,
        size: int | None,
        unit_shape: UnitShape,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> None:
        """List all kernels; `generator` is not used."""
        g, kh, kw = unit_shape
        if g * kh * kw > MAX_FULL_BITS:
            raise ModelError(
                f"the full subset of a unit of {g} x {kh} x {kw} has 2^{g * kh * kw} kernels; use "
                "BinaryConv2d or BinaryLinear, which need no list of them"
            )
        count = 2 ** (g * kh * kw)
        if size not in (None, count):
            raise ModelError(f"the full subset has {count} kernels, not {size}; leave size out")
        super().__init__(kernels_of_codes(torch.arange(count), unit_shape))

    def indices(self, latent: Tensor) -> Tensor:
        """The code of every unit's signs."""
        outputs, channels = latent.shape[:2]
        units = channels // self.subset.shape[1]
        return kernel_codes(latent.detach().reshape(outputs * units, -1)).reshape(outputs, units)

    def binarize(self, latent: Tensor, slope: Tensor) -> Tensor:
        """The sign of every entry."""
        return signs(latent, slope)
