"""The frequent subset: the kernels that a plain binary layer would use most often."""

import torch
from torch import Tensor

from .codes import code_bits, kernel_codes, kernels_of_codes
from .policy import MovingSubset, UnitShape
from .sample import sample_subset

_BINNED_BITS = 12
"""Up to here a bin for every code is faster than sorting the codes."""


class FrequentSubset(MovingSubset):
    """The K most frequent sign patterns of the latent weights, counted every `period` steps.

    The paper's baseline B; with period 10, B-10. Source: Wang et al., "Sub-bit Neural Networks",
    ICCV 2021, ablation on ways to choose subsets. Equal counts go to the lower code; where fewer
    than K patterns occur at all, kernels of the previous subset fill up. Raises ModelError for
    units of more than 52 entries, or of fewer than `size` patterns.
    """

    def __init__(
        self,
        size: int,
        unit_shape: UnitShape,
        generator: torch.Generator | None = None,
        *,
        period: int = 1,
    ) -> None:
        """Start from a random subset, drawn from `generator`: the first step replaces it."""
        code_bits(unit_shape)
        super().__init__(sample_subset(size, unit_shape, generator), period, generator)

    def move(self, latent: Tensor, step: int) -> None:
        """Count the patterns, in the first step and every `period` steps from then on."""
        if (step - 1) % self.period:
            return
        size, g, kh, kw = self.subset.shape
        units = kernel_codes(latent.reshape(-1, g * kh * kw))
        codes, counts = _counted(units, g * kh * kw)
        # They are sorted by code, and a stable sort keeps that order among equal counts.
        frequent = codes[counts.argsort(descending=True, stable=True)][:size]
        previous = kernel_codes(self.subset)
        unused = previous[~torch.isin(previous, frequent)]
        chosen = torch.cat([frequent, unused])[:size]
        self.subset.copy_(kernels_of_codes(chosen, (g, kh, kw)))


def _counted(codes: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """The distinct codes in ascending order, and how often each occurs."""
    if bits > _BINNED_BITS:
        return torch.unique(codes, return_counts=True)
    counts = torch.bincount(codes, minlength=2**bits)
    distinct = counts.nonzero()[:, 0]
    return distinct, counts[distinct]
