"""Group-Net's group-wise decomposition: parts of a network as weighted sums of binary branches."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..errors import ModelError


class Group(nn.Module):
    """M branches of the same shape, and their weighted sum.

    y_m = branch_m(x_m), y = sum_m scale[m] * y_m, with `scale` (M,) learned from 1/M on. Source:
    Zhuang et al., "Structured Binary Neural Networks", CVPR 2019, group-wise binary decomposition.

    What branch m sees is a soft connection of what branch m of the group before gave and of the
    sum of all: x_m = c[m] * before_m + (1 - c[m]) * sum, c = sigmoid(theta) with `theta` (M,)
    learned from 0 on (there, learning of dynamic decomposition). The authors' code has one theta
    for all branches of a group. The first group sees only the input and has no theta; with `soft`
    false no group has, and all branches see the sum.
    """

    theta: nn.Parameter | None

    def __init__(self, branch: Callable[[], nn.Module], bases: int, soft: bool) -> None:
        """Make M = `bases` branches; raises ModelError when that is below 1."""
        super().__init__()
        if bases < 1:
            raise ModelError(f"Group: bases = {bases}; it takes 1 or more")
        self.branches = nn.ModuleList([branch() for _ in range(bases)])
        self.scale = nn.Parameter(torch.full((bases,), 1 / bases))
        self.register_parameter("theta", nn.Parameter(torch.zeros(bases)) if soft else None)

    def forward(
        self, before: Sequence[Tensor] | None, total: Tensor
    ) -> tuple[list[Tensor], Tensor]:
        """Return every branch's result and their weighted sum, given those of the group before.

        `before` is None for the first group. All tensors are (N, C, H, W).
        """
        results = [branch(self._seen(m, before, total)) for m, branch in enumerate(self.branches)]
        summed = self.scale[0] * results[0]
        for scale, result in zip(self.scale[1:], results[1:], strict=True):
            summed = summed + scale * result
        return results, summed

    def _seen(self, m: int, before: Sequence[Tensor] | None, total: Tensor) -> Tensor:
        if self.theta is None or before is None:
            return total
        c = torch.sigmoid(self.theta[m])
        return c * before[m] + (1 - c) * total


class Groups(nn.Module):
    """Groups one after the other: the sum of the last comes out."""

    def __init__(self, branches: Sequence[Callable[[], nn.Module]], bases: int, soft: bool) -> None:
        """Make a group for each of `branches`; soft connections lie between groups."""
        super().__init__()
        self.groups = nn.ModuleList(
            [Group(branch, bases, soft and i > 0) for i, branch in enumerate(branches)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Run all groups."""
        before, total = None, x
        for group in self.groups:
            before, total = group(before, total)
        return total
