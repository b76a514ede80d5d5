"""Does a weight tensor hold scale[o] * {+1, -1}, and do its units come from a small subset?

Pure numpy; the pass that walks a network and asks these questions is detect_layers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ops.units import (
    MAX_SUBSET,
    MAX_UNIT_BITS,
    codes_from_signs,
    index_bits,
    signs_from_codes,
    split_units,
)

STRAIGHT_THROUGH_TOLERANCE = 2.0**-16
"""Largest |w| / scale - 1 taken for rounding.

`s*sign(w).detach() - clip(w).detach() + clip(w)` differs from s*sign(w) by two float32 roundings
of numbers below s + |w|, that is by at most 2^-24 * (s + max|w|) each. With max|w| up to a hundred
times s that stays below 2^-16 of s, while weights that were never binarized differ by far more.
"""

_SAMPLE = 4096
_MIN_PATTERN_BITS = 4
_ALIGNMENT_ROUNDS = 20


@dataclass(frozen=True)
class SignedWeight:
    """Weights that are scale[o] * signs[o, ...]."""

    scale: NDArray[np.float32]
    """(O,), any sign."""
    signs: NDArray[np.int8]
    """(O, C/groups, kh, kw), every entry +1 or -1."""
    deviation: float
    """Largest | |w| / scale - 1 | met: 0, or the rounding of a straight-through estimator."""


@dataclass(frozen=True)
class Subset:
    """The units of a layer as a subset and indices into it."""

    kernels: NDArray[np.int8]
    """(K, g, kh, kw)."""
    indices: NDArray[np.uint8]
    """(O, C/groups/g)."""
    flipped: NDArray[np.bool_]
    """(O,), True where the channel's signs were turned around (its scale changes sign)."""

    @property
    def size(self) -> int:
        """K, the number of kernels."""
        return int(self.kernels.shape[0])

    @property
    def unit(self) -> int:
        """g, the input channels of a unit."""
        return int(self.kernels.shape[1])

    @property
    def stored_bits(self) -> int:
        """Bits of the indices and of the subset itself."""
        return index_bits(self.size) * self.indices.size + self.kernels.size


def factor_signs(weight: NDArray[np.float32]) -> SignedWeight | str:
    """Factor weights (O, C/groups, kh, kw) into scale and signs, or say why that is impossible."""
    flat = np.abs(weight).reshape(weight.shape[0], -1)
    if flat.shape[1] == 1 and len(np.unique(flat)) > 1:
        return "each output has a single weight, which is a scale and no sign"
    scale = _middle(flat)
    # A channel that is 0 throughout has scale 0 and any signs.
    safe = np.where(scale > 0, scale, 1).astype(np.float32)
    deviation = np.where(
        (scale > 0)[:, None],
        np.abs(flat / safe[:, None] - 1),
        np.where(flat > 0, np.inf, 0),
    ).reshape(weight.shape)
    largest = float(deviation.max(initial=0.0))
    if largest > STRAIGHT_THROUGH_TOLERANCE:
        return _deviation_reason(deviation)
    signs = np.where(weight < 0, np.int8(-1), np.int8(1))
    if (scale > 0).any():
        # A channel of zeros must not add a kernel to the subset: it borrows another's signs.
        signs[scale == 0] = signs[int(scale.argmax())]
    return SignedWeight(scale=scale, signs=signs, deviation=largest)


def find_subset(signs: NDArray[np.int8]) -> Subset | str:
    """Find the cheapest subset for signs (O, C/groups, kh, kw), or say why none is worth having.

    The unit is the usual one (1 channel of a larger kernel, 8 of a 1x1), or any other that divides
    the channels, stores fewer bits, and needs no more kernels than the usual one. So paired units
    are found: 64 patterns of two channels show up to 128 kernels of one. Units that merely repeat
    smaller ones need more kernels, though their indices may waste fewer bits.

    A subset is worth having when an index is shorter than the unit and every kernel serves two
    units or more on average: below that, almost any small layer would count as sub-bit by
    accident. An output channel may enter with all its signs turned around, because exporters fold
    negative BatchNorm factors into the weights.
    """
    found = {unit: subset for unit in _unit_sizes(signs) if (subset := _subset_of(signs, unit))}
    if not found:
        return _no_subset_reason(signs)
    usual = found.get(_usual_unit(signs))
    able = [subset for subset in found.values() if usual is None or subset.size <= usual.size]
    return min(able, key=lambda subset: (subset.stored_bits, subset.unit))


def _middle(magnitudes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an entry of the middle of each row (O, n): robust against outliers, never a mean."""
    middle = magnitudes.shape[1] // 2
    return np.partition(magnitudes, middle, axis=1)[:, middle].astype(np.float32)


def _deviation_reason(deviation: NDArray) -> str:
    outputs, channels = deviation.shape[:2]
    bad = (deviation > STRAIGHT_THROUGH_TOLERANCE).reshape(outputs, channels, -1).any(axis=2)
    o, c = np.unravel_index(int(deviation.argmax()), deviation.shape)[:2]
    what = "kernels" if deviation[0, 0].size > 1 else "weights"
    return (
        f"{int(bad.sum()):,} of {bad.size:,} {what} are not +-1: largest deviation "
        f"{float(deviation[o, c].max()):.2g} at o={o}, c={c}"
    )


def _usual_unit(signs: NDArray[np.int8]) -> int:
    """Return the unit of the paper: one channel of a kernel, 8 channels of a 1x1 kernel."""
    return 1 if signs.shape[2] * signs.shape[3] > 1 else 8


def _unit_sizes(signs: NDArray[np.int8]) -> list[int]:
    channels, area = signs.shape[1], signs.shape[2] * signs.shape[3]
    return [
        unit
        for unit in range(1, min(channels, MAX_UNIT_BITS) + 1)
        if channels % unit == 0 and _MIN_PATTERN_BITS <= unit * area <= MAX_UNIT_BITS
    ]


def _subset_of(signs: NDArray[np.int8], unit: int) -> Subset | None:
    shape = (unit, signs.shape[2], signs.shape[3])
    codes = codes_from_signs(split_units(signs, unit))
    bits = unit * signs.shape[2] * signs.shape[3]
    everything = np.uint64(2**bits - 1)
    canonical = np.minimum(codes, codes ^ everything)
    # Most layers that are no match have many patterns already in a small sample.
    if len(np.unique(canonical.ravel()[:_SAMPLE])) > MAX_SUBSET:
        return None
    patterns = np.unique(canonical)
    if len(patterns) > MAX_SUBSET:
        return None
    flipped = np.zeros(len(codes), dtype=bool)
    distinct = np.unique(codes)
    if len(distinct) > len(patterns):
        aligned = _channels_to_flip(np.searchsorted(patterns, canonical), codes == canonical)
        candidate = np.where(aligned[:, None], codes ^ everything, codes)
        if len(np.unique(candidate)) < len(distinct):
            flipped, codes, distinct = aligned, candidate, np.unique(candidate)
    if len(distinct) > MAX_SUBSET or index_bits(len(distinct)) >= bits:
        return None
    if codes.size < 2 * len(distinct):
        return None
    return Subset(
        kernels=signs_from_codes(distinct, shape),
        indices=np.searchsorted(distinct, codes).astype(np.uint8),
        flipped=flipped,
    )


def _channels_to_flip(pattern: NDArray[np.int64], upright: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Choose the channels to turn around so that each pattern is met in one orientation.

    `pattern` (O, U) numbers the pattern of every unit up to a global sign, `upright` tells its
    orientation. Channels and patterns vote for each other in turn, starting from channel 0, until
    nothing changes.
    """
    orientation = np.where(upright, 1.0, -1.0)
    count = int(pattern.max()) + 1
    preferred: NDArray = np.bincount(pattern[0], weights=orientation[0], minlength=count)
    channel_sign: NDArray = np.zeros(len(pattern))
    for _ in range(_ALIGNMENT_ROUNDS):
        votes = (orientation * np.sign(preferred)[pattern]).sum(axis=1)
        updated = np.where(votes < 0, -1.0, 1.0)
        weights = (orientation * updated[:, None]).ravel()
        # The half settles a pattern that is met equally often both ways.
        preferred = np.bincount(pattern.ravel(), weights=weights, minlength=count) + 0.5
        if np.array_equal(updated, channel_sign):
            break
        channel_sign = updated
    return channel_sign < 0


def _no_subset_reason(signs: NDArray[np.int8]) -> str:
    sizes = _unit_sizes(signs)
    if not sizes:
        return f"{signs.shape[1]} input channels do not divide into units of 4 to 64 bits"
    area = signs.shape[2] * signs.shape[3]
    unit = _usual_unit(signs) if _usual_unit(signs) in sizes else sizes[0]
    codes = codes_from_signs(split_units(signs, unit))
    return (
        f"{codes.size:,} units of {unit * area} bits use {len(np.unique(codes)):,} distinct kernels"
    )
