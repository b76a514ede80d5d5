"""What the lanes compute: responses, gathered sums, binary convolutions."""

import numpy as np

from .trap import Trap, TrapError
from .windows import TAPS


def responses(windows: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Return the responses of windows to a subset: int32 (pixels, channels, kernels).

    `windows` are int8 (parts, pixels, channels, taps), `kernels` 9-bit codes (parts, kernels).
    """
    return np.asarray(
        np.einsum("ipct,ikt->pck", windows.astype(np.int32), signs(kernels), optimize=True)
    )


def signs(kernels: np.ndarray) -> np.ndarray:
    """Return 9-bit kernels as -1 and +1: int32, one dimension more."""
    return ((kernels[..., None].astype(np.int32) >> np.arange(TAPS)) & 1) * 2 - 1


def gathered(responses: np.ndarray, indices: np.ndarray, sign: int) -> np.ndarray:
    """Pick responses (pixels, channels, kernels) by indices (outputs, channels), and add them up.

    Returns (outputs, pixels). `sign` is the field of GATH: 0, or the position of the sign bit
    plus one. Raises TrapError for an index past the subset.
    """
    low = indices & ((1 << (sign - 1)) - 1) if sign else indices
    if low.max(initial=0) >= responses.shape[2]:
        raise TrapError(
            Trap.FIELD, f"index {low.max()} of a subset of {responses.shape[2]} kernels"
        )
    picked = responses[:, np.arange(indices.shape[1]), low]
    if sign:
        picked = np.where(indices >> (sign - 1) & 1, -picked, picked)
    return np.asarray(picked.sum(axis=2).T)


def convolved(windows: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Convolve windows (pixels, channels, taps) with 9-bit kernels (outputs, channels).

    Returns (outputs, pixels).
    """
    weights = signs(kernels).reshape(len(kernels), -1)
    return np.asarray(weights @ windows.reshape(len(windows), -1).T)
