"""Padding and sliding windows over the last axes: what convolution and pooling share."""

from collections.abc import Sequence

import numpy as np

from ..errors import ModelError

Array = np.ndarray


def padded(x: Array, before: Sequence[int], after: Sequence[int], fill: float = 0) -> Array:
    """Pad the last `len(before)` axes with a value; a negative width crops."""
    if not any(before) and not any(after):
        return x
    lead = [(0, 0)] * (x.ndim - len(before))
    widths = [(max(b, 0), max(a, 0)) for b, a in zip(before, after, strict=True)]
    result = np.pad(x, [*lead, *widths], constant_values=fill)
    ends = zip(before, after, result.shape[len(lead) :], strict=True)
    return result[last_axes(x, [slice(max(-b, 0), n - max(-a, 0)) for b, a, n in ends])]


def last_axes(x: Array, places: Sequence[slice]) -> tuple[slice, ...]:
    """Index that applies the slices to the last axes of x and keeps the others whole."""
    return (slice(None),) * (x.ndim - len(places)) + tuple(places)


def sliding_windows(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Array:
    """View with the windows of the last axes: (..., spatial) -> (..., positions, kernel).

    Position p of an axis sees the elements `p * stride + i * dilation`.
    """
    axes = tuple(range(x.ndim - len(kernel), x.ndim))
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(x.shape[axis] < extent for axis, extent in zip(axes, extents, strict=True)):
        raise ModelError(
            f"a window of {tuple(extents)} does not fit into the padded input of "
            f"{x.shape[-len(kernel) :]}: enlarge the input or the padding"
        )
    windows = np.lib.stride_tricks.sliding_window_view(x, extents, axes)
    steps = [slice(None, None, step) for step in (*strides, *dilation)]
    return windows[last_axes(windows, steps)]
