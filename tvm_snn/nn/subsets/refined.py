"""The refined subset: kernels that are learned, with a memory that keeps them steady."""

import math

import torch
from torch import Tensor, nn

from .policy import LearnedSubset, UnitShape
from .sample import sample_subset


class RefinedSubset(LearnedSubset):
    """K kernels learned by gradient: Wang et al., "Sub-bit Neural Networks", ICCV 2021, Sec. 3.3.

    `patterns` (K, g, kh, kw) are latent floats; the buffer `subset` is their binary memory, which
    the layer uses. An entry of the memory follows the sign of its latent entry only where that is
    confident: m = sign(p) where |p| >= threshold, else m stays. Every `period` forwards in
    training, a learning step: the gradient of the weights that use a kernel adds up in its
    latent entries (dL/dp[k] = sum over units with index k of dL/dW), latent entries are clipped to
    [-limit, limit], and a kernel whose memory repeats that of an earlier one is replaced by a
    random one that the subset lacks. Between learning steps the gradient is zero, and only the
    optimiser's momentum moves the patterns.

    Two options, which are ours, keep kernels from being worse than random ones where gradients are
    large and noisy. With `centred`, kernels learn only in what they differ: what their gradients
    have in common, and would move all of them towards one another, is taken away,
    dL/dp[k] = G[k] - (1/K) sum_j G[j], where G[k] is the sum above. With `agreed`, an entry follows
    only where no majority of the latent weights that use the kernel is against it:
    m[k] = sign(p[k]) where |p[k]| >= threshold and sign(p[k]) * (sum over the units with index k of
    sign(W)) >= 0. A gradient tells of small changes; a flip changes all of these weights by 2.

    The defaults are those of the authors' code. There a repeated kernel is the one whose latent
    signs repeat, and those behind it move up, leaving their memory behind; here every kernel
    keeps its place.
    """

    learning: Tensor

    def __init__(
        self,
        size: int,
        unit_shape: UnitShape,
        generator: torch.Generator | None = None,
        *,
        period: int = 25,
        threshold: float = 1e-3,
        limit: float = 3.0,
        start: float = 1.0,
        last_step: int | None = None,
        centred: bool = False,
        agreed: bool = False,
    ) -> None:
        """Start from random kernels, drawn from `generator` or torch's global one.

        `start` is the size of latent entries at first, and of those of a kernel that replaces
        another: how far they are from flipping. After step `last_step` the memory stays as it is,
        and the weights settle on it; None is never.
        """
        kernels = self._drawn(size, unit_shape, generator)
        super().__init__(self._spelled_out(kernels), period, generator)
        self.threshold = threshold
        self.limit = limit
        self.start = start
        self.last_step = last_step
        self.centred = centred
        self.agreed = agreed
        self.patterns = nn.Parameter(start * kernels.float())
        self.register_buffer("learning", torch.zeros(()))

    def learned(self) -> tuple[Tensor, Tensor]:
        """The patterns; their gradient is zero outside of learning steps."""
        kernels = self._spelled_out(self.patterns)
        if self.centred:
            # The values are not used; the gradient loses its mean on the way back.
            kernels = kernels - kernels.mean(dim=0)
        return kernels, self.learning.clone()

    def move(self, latent: Tensor, step: int) -> None:
        """Let the memory follow confident entries; in a learning step, tidy up."""
        settled = self.last_step is not None and step > self.last_step
        learning = step % self.period == 0 and not settled
        self.learning.fill_(learning)
        if settled:
            return
        memory = self.subset[: len(self.patterns)]
        sign = torch.where(self.patterns >= 0, 1, -1).to(torch.int8)
        follows = self.patterns.abs() >= self.threshold
        if self.agreed:
            follows &= sign * self._votes(latent) >= 0
        memory = torch.where(follows, sign, memory)
        if learning:
            self.patterns.clamp_(-self.limit, self.limit)
            memory = self._without_repeats(memory, step)
        self.subset.copy_(self._spelled_out(memory))

    def _votes(self, latent: Tensor) -> Tensor:
        """The sum of the signs of all units that use a kernel, for each kernel that is learned.

        Integers, which processes that train together add up to the same in any order.
        """
        indices = self.indices(latent).flatten()
        signs = latent.reshape(len(indices), -1).sign().int()
        votes = signs.new_zeros(len(self.subset), signs.shape[1]).index_add(0, indices, signs)
        return self._folded(votes.reshape(self.subset.shape))

    def _without_repeats(self, memory: Tensor, step: int) -> Tensor:
        """Replace every kernel that repeats an earlier one, in the memory and in the patterns."""
        keys = [self._key(kernel) for kernel in memory.flatten(1).tolist()]
        repeated = [k for k, key in enumerate(keys) if key in keys[:k]]
        if not repeated:
            return memory
        # Enough for every repetition, also where a kernel and its negative count as the same.
        shape: UnitShape = memory.shape[1], memory.shape[2], memory.shape[3]
        size = min(4 * len(memory), 2 ** math.prod(shape))
        candidates = sample_subset(size, shape, self.generator(step))
        memory, taken = memory.clone(), set(keys)
        for kernel in candidates:
            if not repeated:
                break
            key = self._key(kernel.flatten().tolist())
            if key not in taken:
                taken.add(key)
                place = repeated.pop(0)
                memory[place] = kernel.to(memory.device)
                self.patterns[place] = self.start * kernel.to(self.patterns)
        return memory

    def _drawn(self, size: int, unit_shape: UnitShape, generator: torch.Generator | None) -> Tensor:
        """The kernels to start from that are learned, for a subset of `size`."""
        return sample_subset(size, unit_shape, generator)

    def _spelled_out(self, kernels: Tensor) -> Tensor:
        """All kernels of the subset, given those that are learned."""
        return kernels

    def _folded(self, votes: Tensor) -> Tensor:
        """Votes on all kernels of the subset, brought together for those that are learned."""
        return votes

    def _key(self, kernel: list[int]) -> tuple[int, ...]:
        """What two kernels share that count as repeated."""
        return tuple(kernel)
