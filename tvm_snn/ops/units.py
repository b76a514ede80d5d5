"""Units: the blocks of weights that one index stands for, and their codes.

A unit is g input channels x kh x kw. A layer's weights, all +1 or -1, are cut into units; the
distinct ones form the subset, and each unit is stored as its index into the subset.
"""

import numpy as np
from numpy.typing import NDArray

MAX_SUBSET = 256
"""Largest subset: an index is one byte in memory (and tau bits in an artifact)."""
MAX_UNIT_BITS = 64
"""Largest unit: a code is one 64-bit word."""


def index_bits(subset_size: int) -> int:
    """Return tau, the bits that an index into a subset of this size takes."""
    return (subset_size - 1).bit_length()


def split_units(weight: NDArray, unit: int) -> NDArray:
    """Cut weights (O, C, kh, kw) into units of `unit` channels: (O, C/unit, unit, kh, kw)."""
    outputs, channels, kh, kw = weight.shape
    return weight.reshape(outputs, channels // unit, unit, kh, kw)


def join_units(subset: NDArray, indices: NDArray) -> NDArray:
    """Put the weights (O, C, kh, kw) together again from a subset and its indices.

    `subset` is (K, g, kh, kw), `indices` (O, C/g).
    """
    outputs, units = indices.shape
    _, unit, kh, kw = subset.shape
    return subset[indices].reshape(outputs, units * unit, kh, kw)


def codes_from_signs(units: NDArray) -> NDArray[np.uint64]:
    """Return the code of every unit in (..., g, kh, kw).

    Bit (q*kh + i)*kw + j is set where channel q has +1 at row i, column j; for g = 1 this is bit
    i*kw + j.
    """
    flat = (units > 0).reshape(*units.shape[:-3], -1).astype(np.uint64)
    places = np.uint64(1) << np.arange(flat.shape[-1], dtype=np.uint64)
    return (flat * places).sum(axis=-1, dtype=np.uint64)


def signs_from_codes(codes: NDArray[np.uint64], unit: tuple[int, int, int]) -> NDArray[np.int8]:
    """Return the +1 and -1 of codes (...) as int8 (..., g, kh, kw); `unit` is (g, kh, kw)."""
    places = np.arange(int(np.prod(unit)), dtype=np.uint64)
    bits = (codes[..., None] >> places) & np.uint64(1)
    signs = np.where(bits == 1, np.int8(1), np.int8(-1))
    return signs.reshape(*codes.shape, *unit)
