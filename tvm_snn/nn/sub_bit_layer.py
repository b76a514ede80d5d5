"""What sub-bit convolutions and dense layers share: the subset and its policy."""

import torch
from torch import Tensor

from ..errors import ModelError
from .binarized_layer import BinarizedLayer
from .subsets import PolicyFactory, SubsetPolicy, UnitShape, policy_factory


class SubBitLayer(BinarizedLayer):
    """A layer each of whose units is one of K binary kernels.

    `policy` holds the subset and says how it moves in training; see `subsets`.
    """

    policy: SubsetPolicy

    def _choose_subset(
        self,
        subset: str | PolicyFactory,
        size: int,
        unit_shape: UnitShape,
        generator: torch.Generator | None,
    ) -> None:
        """Make the policy; raise ModelError when the inputs of an output do not divide by g."""
        inputs, g = self.weight.shape[1], unit_shape[0]
        if g < 1 or inputs % g:
            raise ModelError(
                f"{type(self).__name__}: the {inputs} input channels of a group must divide by "
                f"unit = {g}"
            )
        self.policy = policy_factory(subset)(size, unit_shape, generator)

    @property
    def subset(self) -> Tensor:
        """The K kernels: int8 (K, g, kh, kw) of +1 and -1."""
        return self.policy.subset

    @property
    def index_bits(self) -> int:
        """Bits that store one kernel index: tau, or the next integer above log2(K)."""
        return (self.subset.shape[0] - 1).bit_length()

    @torch.no_grad()
    def kernel_indices(self) -> Tensor:
        """The kernel index of every unit: int64 of shape (O, C/groups/g)."""
        return self.policy.indices(self.latent())

    def binarize(self, latent: Tensor) -> Tensor:
        """Replace every unit by its nearest subset kernel; in training, let the subset move."""
        if self.training and self.policy.moves:
            self.policy.advance(latent)
        return self.policy.binarize(latent, self.slope(latent.detach()))
