"""The negation-closed subset: with every kernel, its negative."""

import torch
from torch import Tensor

from ...errors import ModelError
from .policy import UnitShape
from .refined import RefinedSubset


class NegationClosedSubset(RefinedSubset):
    """K/2 refined kernels and their negatives: kernel k + K/2 is the negative of kernel k.

    The response to a negative is the negative response, so that half of the responses have to be
    computed, or looked up. Learning is that of `RefinedSubset` on K/2 patterns: gradients and
    weights of a negative count negatively, and a kernel that repeats another or its negative is
    replaced.
    Raises ModelError when K is odd or a unit has fewer than K patterns.
    """

    def _drawn(self, size: int, unit_shape: UnitShape, generator: torch.Generator | None) -> Tensor:
        if size % 2:
            raise ModelError(
                f"a subset closed under negation has an even number of kernels, not {size}"
            )
        # Of K distinct kernels at least K/2 are neither equal nor negatives of each other.
        chosen: dict[tuple[int, ...], Tensor] = {}
        for kernel in super()._drawn(size, unit_shape, generator):
            chosen.setdefault(self._key(kernel.flatten().tolist()), kernel)
        return torch.stack(list(chosen.values())[: size // 2])

    def _spelled_out(self, kernels: Tensor) -> Tensor:
        return torch.cat([kernels, -kernels])

    def _folded(self, votes: Tensor) -> Tensor:
        kernels, negatives = votes.chunk(2)
        return kernels - negatives

    def _key(self, kernel: list[int]) -> tuple[int, ...]:
        return tuple(entry * kernel[0] for entry in kernel)
