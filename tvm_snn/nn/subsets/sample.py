"""Drawing random subsets of binary kernels."""

import torch
from torch import Tensor

from ...errors import ModelError


def sample_subset(
    size: int, unit_shape: tuple[int, int, int], generator: torch.Generator | None = None
) -> Tensor:
    """Draw `size` distinct binary kernels uniformly: int8 of shape (size, g, kh, kw), +1 and -1.

    `unit_shape` is (g, kh, kw); there are 2^(g*kh*kw) patterns to draw from. This is the random
    sampling of layer-specific subsets of Wang et al., "Sub-bit Neural Networks", ICCV 2021 (the
    vanilla SNN keeps the subset as drawn). `generator` is a CPU generator; without it torch's
    global one is used. Raises ModelError when there are fewer patterns than asked for.
    """
    g, kh, kw = unit_shape
    bits = g * kh * kw
    if bits < 1 or not 1 <= size <= 2**bits:
        raise ModelError(
            f"cannot draw a subset of {size} kernels: a unit of {g} x {kh} x {kw} has "
            f"2^{max(bits, 0)} patterns; choose between 1 and that many"
        )
    # Rejecting repetitions draws uniformly without repetition, and works for units whose
    # pattern count overflows an integer (64 bits and more) as well as for size = 2^bits.
    patterns: dict[tuple[int, ...], None] = {}
    while len(patterns) < size:
        drawn = torch.randint(0, 2, (size, bits), generator=generator, device="cpu")
        for pattern in drawn.tolist():
            patterns.setdefault(tuple(pattern))
    distinct = torch.tensor(list(patterns)[:size], dtype=torch.int8)
    return (2 * distinct - 1).reshape(size, g, kh, kw)
