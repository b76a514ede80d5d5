"""Binary kernels as integers: bit i of a code is set where entry i of the flat kernel is +1."""

import torch
from torch import Tensor

from ...errors import ModelError

MAX_BITS = 52
"""Entries of a unit up to which its codes are exact in float64, in which they are computed."""


def code_bits(unit_shape: tuple[int, int, int]) -> int:
    """Entries of a unit of `unit_shape` (g, kh, kw): the bits of its codes.

    Raises ModelError when there are more than `MAX_BITS`.
    """
    g, kh, kw = unit_shape
    if g * kh * kw > MAX_BITS:
        raise ModelError(
            f"a unit of {g} x {kh} x {kw} has {g * kh * kw} entries, but subsets that are counted "
            f"or spaced by code take at most {MAX_BITS}; use a smaller unit or a vanilla subset"
        )
    return g * kh * kw


def kernel_codes(kernels: Tensor) -> Tensor:
    """Codes of kernels (N, ...) of any numeric dtype: int64 (N,); an entry >= 0 counts as +1."""
    flat = kernels.flatten(1) >= 0
    places = 2 ** torch.arange(flat.shape[1], device=kernels.device)
    # A product of floats is several times faster than a sum of integers.
    return (flat.double() @ places.double()).long()


def kernels_of_codes(codes: Tensor, unit_shape: tuple[int, int, int]) -> Tensor:
    """Kernels of codes int64 (N,): int8 (N, g, kh, kw) of +1 and -1."""
    places = torch.arange(code_bits(unit_shape), device=codes.device)
    bits = (codes[:, None] >> places) & 1
    return (2 * bits - 1).to(torch.int8).reshape(-1, *unit_shape)
