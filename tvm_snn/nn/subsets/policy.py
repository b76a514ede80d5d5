"""What every subset policy is: a subset of binary kernels, and how it moves in training."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...errors import ModelError
from ..nearest_kernel import gather_kernels, nearest_kernels
from ..straight_through import replace_by_binary, replace_by_kernels

UnitShape = tuple[int, int, int]
"""(g, kh, kw): input channels, rows and columns of the weights that one index stands for."""


class SubsetPolicy(nn.Module, ABC):
    """The K kernels that a layer may use, and how they are chosen and changed.

    `subset` is an int8 buffer (K, g, kh, kw) of +1 and -1: with the latent weights it is all that
    a trained layer needs. A policy that changes it sets `moves`; its layer then calls `advance`
    before every forward in training mode. What that reads beside the latent weights are buffers
    too, random numbers come from `seed` and `step`: a state dict restores a policy to the bit, and
    processes that train the same layer stay equal.
    """

    moves: ClassVar[bool] = False
    subset: Tensor

    def __init__(self, subset: Tensor) -> None:
        """Start with the kernels of `subset` (K, g, kh, kw)."""
        super().__init__()
        self.register_buffer("subset", subset.to(torch.int8))

    def indices(self, latent: Tensor) -> Tensor:
        """The kernel index of every unit of `latent`: int64 (O, C/g)."""
        return nearest_kernels(latent.detach(), self.subset)

    def binarize(self, latent: Tensor, slope: Tensor) -> Tensor:
        """Replace every unit of `latent` by its nearest kernel, with dL/dlatent = slope * dL/dW."""
        kernels = gather_kernels(self.indices(latent), self.subset)
        return replace_by_binary(latent, kernels.to(latent.dtype).reshape(latent.shape), slope)

    def advance(self, latent: Tensor) -> None:
        """Move the subset on by one training step, given the layer's latent weights."""

    def extra_repr(self) -> str:
        """Show K and the unit in the module's printout."""
        return f"size={self.subset.shape[0]}, unit={tuple(self.subset.shape[1:])}"


class MovingSubset(SubsetPolicy):
    """A policy whose subset moves, with the counters that all of those need.

    `step` (0-d int64) counts forwards in training mode, `seed` (0-d int64) starts the random
    numbers. A subclass says in `move` what happens in a step.
    """

    moves: ClassVar[bool] = True
    step: Tensor
    seed: Tensor

    def __init__(self, subset: Tensor, period: int, generator: torch.Generator | None) -> None:
        """Start with `subset`; `period` is in steps. Raises ModelError when it is below 1."""
        super().__init__(subset)
        if period < 1:
            raise ModelError(f"{type(self).__name__}: period = {period}; it must be 1 or more")
        self.period = period
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.register_buffer("seed", torch.randint(2**31, (), generator=generator))

    # Control flow that depends on counters would make torch.compile compile every step anew.
    @torch.compiler.disable
    @torch.no_grad()
    def advance(self, latent: Tensor) -> None:
        """Count the step and move the subset."""
        self.step += 1
        self.move(latent.detach(), int(self.step))

    @abstractmethod
    def move(self, latent: Tensor, step: int) -> None:
        """Change the subset in training step `step`, counted from 1."""

    def generator(self, step: int) -> torch.Generator:
        """Random numbers on the CPU that depend on `seed` and `step` alone."""
        # The generator looks at 32 bits of its seed; an odd factor keeps the steps apart.
        return torch.Generator().manual_seed((int(self.seed) + 2654435761 * step) % 2**32)

    def extra_repr(self) -> str:
        """Add the period to the printout of the subset."""
        return f"{super().extra_repr()}, period={self.period}"


class LearnedSubset(MovingSubset):
    """A policy that learns from the gradient of the weights that use its kernels."""

    @abstractmethod
    def learned(self) -> tuple[Tensor, Tensor]:
        """What stands for the kernels backward: float (K, g, kh, kw), and a 0-d factor."""

    def binarize(self, latent: Tensor, slope: Tensor) -> Tensor:
        """Replace every unit by its nearest kernel; in training the kernels learn, too.

        dL/dlearned[k] = factor * sum over the units with index k of dL/dW.
        """
        if not self.training:
            return super().binarize(latent, slope)
        indices = self.indices(latent)
        kernels = gather_kernels(indices, self.subset).to(latent.dtype).reshape(latent.shape)
        return replace_by_kernels(latent, kernels, slope, *self.learned(), indices)
