"""Packed signs: a channels-last image of signs as bits, the form that binary layers read.

An image (N, H, W, C) of signs becomes words uint64 (N, 2, H, W, groups * words), a group's
channels in `words` = ceil(C / groups / 64) words of its own. In plane 0 the bit of a channel is
set where its value is negative, in plane 1 where it is zero. Bits past a group's last channel are
0 in both.
"""

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 64
PLANES = 2
NEGATIVE, ZERO = range(PLANES)


def words_of(channels: int) -> int:
    """Return the words that the channels of one group take."""
    return -(-channels // WORD_BITS)


def pack(data: NDArray, groups: int = 1) -> NDArray[np.uint64]:
    """Pack the signs of an image (N, H, W, C) of any numbers; NaN counts as zero."""
    n, h, w, channels = data.shape
    own = channels // groups
    filled = np.zeros((PLANES, n, h, w, groups, words_of(own) * WORD_BITS), np.bool_)
    grouped = data.reshape(n, h, w, groups, own)
    filled[NEGATIVE, ..., :own] = grouped < 0
    filled[ZERO, ..., :own] = ~((grouped < 0) | (grouped > 0))
    places = np.uint64(1) << np.arange(WORD_BITS, dtype=np.uint64)
    present = filled.reshape(PLANES, n, h, w, groups * words_of(own), WORD_BITS)
    words = np.bitwise_or.reduce(np.where(present, places, np.uint64(0)), axis=-1)
    return np.ascontiguousarray(words.transpose(1, 0, 2, 3, 4))


def unpack(words: NDArray[np.uint64], channels: int, groups: int = 1) -> NDArray[np.int8]:
    """Return the signs int8 (N, H, W, channels) of packed words."""
    n, _, h, w, count = words.shape
    rows = bits(words).astype(np.int8)
    rows = rows.reshape(n, PLANES, h, w, groups, count // groups * WORD_BITS)
    own = rows[..., : channels // groups].reshape(n, PLANES, h, w, channels)
    return ((1 - 2 * own[:, NEGATIVE]) * (1 - own[:, ZERO])).astype(np.int8)


def bits(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the single bits, 0 or 1, of words (...): (..., 64), lowest first."""
    octets = np.ascontiguousarray(words.astype("<u8")).view(np.uint8)
    return np.unpackbits(octets, bitorder="little").reshape(*words.shape, WORD_BITS)
