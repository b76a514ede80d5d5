"""The vanilla subset: drawn at random once, and kept."""

import torch

from .policy import SubsetPolicy, UnitShape
from .sample import sample_subset


class VanillaSubset(SubsetPolicy):
    """K distinct kernels drawn uniformly for each layer; the vanilla SNN.

    Source: Wang et al., "Sub-bit Neural Networks", ICCV 2021, random sampling of layer-specific
    subsets. Raises ModelError when a unit has fewer than `size` patterns.
    """

    def __init__(
        self, size: int, unit_shape: UnitShape, generator: torch.Generator | None = None
    ) -> None:
        """Draw the subset from `generator`, or from torch's global one."""
        super().__init__(sample_subset(size, unit_shape, generator))
