"""The uniform subset: kernels at equal intervals of their codes."""

import torch

from ...errors import ModelError
from .codes import code_bits, kernels_of_codes
from .policy import SubsetPolicy, UnitShape


class UniformSubset(SubsetPolicy):
    """K kernels whose codes are floor(k * 2^bits / K), k = 0 .. K-1: the paper's baseline A.

    Source: Wang et al., "Sub-bit Neural Networks", ICCV 2021, ablation on ways to choose subsets
    (uniform index interval). With K = 2^tau the lowest bits - tau entries of every kernel are -1.
    Raises ModelError when a unit has fewer than `size` patterns or more than 52 entries.
    """

    def __init__(
        self,
        size: int,
        unit_shape: UnitShape,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> None:
        """List the kernels; `generator` is not used."""
        patterns = 2 ** code_bits(unit_shape)
        if not 1 <= size <= patterns:
            raise ModelError(f"a subset of {size} kernels out of {patterns} is not possible")
        codes = torch.tensor([k * patterns // size for k in range(size)])
        super().__init__(kernels_of_codes(codes, unit_shape))
