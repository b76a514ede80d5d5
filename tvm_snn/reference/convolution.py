"""Convolution and transposed convolution in one, two and three dimensions.

Both come down to one matrix product per group: the windows of the input are laid out as columns
(im2col) and multiplied by the kernels as rows. Everything is brought to the layouts N, C, spatial
and O, I, spatial first.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ModelError
from .layout import reordered, spatial_letters
from .linear_algebra import exact_matmul
from .table import dtype_of, integers, operator
from .windows import last_axes, padded, sliding_windows

Array = np.ndarray


@operator("relax.nn.conv1d", "relax.nn.conv2d", "relax.nn.conv3d")
def convolve(attrs: Any, data: Array, weight: Array) -> Array:
    """`out[n, o, y] = sum_{c, i} w[o, c, i] * x[n, c, y * stride + i * dilation - pad_before]`.

    In each of the groups the outputs see only their group's channels; padding is zero.
    """
    letters = spatial_letters(attrs.data_layout)
    x = reordered(data, attrs.data_layout, "NC" + letters)
    w = reordered(weight, attrs.kernel_layout, "OI" + letters)
    before, after = halves(integers(attrs.padding))
    result = grouped_convolution(
        padded(x, before, after),
        w,
        integers(attrs.strides),
        integers(attrs.dilation),
        int(attrs.groups),
        dtype_of(attrs.out_dtype, data.dtype),
    )
    return reordered(result, "NC" + letters, attrs.out_layout or attrs.data_layout)


@operator("relax.nn.conv1d_transpose", "relax.nn.conv2d_transpose", "relax.nn.conv3d_transpose")
def convolve_transposed(attrs: Any, data: Array, weight: Array) -> Array:
    """Adjoint of the convolution that has the same attributes.

    Computed as a convolution of stride 1: `stride - 1` zeros go between the elements, the kernel
    is turned around in space and its channels are exchanged within each group, and the padding p
    becomes `dilation * (kernel - 1) - p`, at the far end with `output_padding` added.
    """
    letters = spatial_letters(attrs.data_layout)
    groups, dilation = int(attrs.groups), integers(attrs.dilation)
    x = _spread(reordered(data, attrs.data_layout, "NC" + letters), integers(attrs.strides))
    w = _turned(reordered(weight, attrs.kernel_layout, "IO" + letters), groups)
    before, after = halves(integers(attrs.padding))
    reach = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    head = [r - p for r, p in zip(reach, before, strict=True)]
    extra = integers(attrs.output_padding)
    tail = [r - p + e for r, p, e in zip(reach, after, extra, strict=True)]
    result = grouped_convolution(
        padded(x, head, tail),
        w,
        (1,) * len(letters),
        dilation,
        groups,
        dtype_of(attrs.out_dtype, data.dtype),
    )
    return reordered(result, "NC" + letters, attrs.out_layout or attrs.data_layout)


def halves(padding: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Split a padding attribute: widths before each spatial axis, then widths after each."""
    middle = len(padding) // 2
    return tuple(padding[:middle]), tuple(padding[middle:])


def grouped_convolution(
    x: Array,
    w: Array,
    strides: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    dtype: np.dtype,
) -> Array:
    """Convolution without padding of x (N, C, spatial) by w (O, C / groups, spatial)."""
    outputs, depth, *kernel = w.shape
    if x.shape[1] != depth * groups or outputs % groups:
        raise ModelError(
            f"{groups} groups of kernels for {depth} channels do not fit {x.shape[1]} input "
            f"channels and {outputs} outputs"
        )
    windows = sliding_windows(x, kernel, strides, dilation)
    space = windows.shape[2 : 2 + len(kernel)]
    rows = w.reshape(groups, outputs // groups, depth * math.prod(kernel))
    result = np.empty((x.shape[0], outputs, *space), dtype)
    for sample, view in enumerate(windows):
        columns = _columns(view, groups, len(kernel))
        result[sample] = exact_matmul(rows, columns, dtype).reshape(outputs, *space)
    return result


def _columns(view: Array, groups: int, dims: int) -> Array:
    """Windows of one sample (C, space, kernel) as (groups, C / groups * kernel, positions)."""
    channels = view.shape[0]
    order = (0, *range(1 + dims, 1 + 2 * dims), *range(1, 1 + dims))
    positions = math.prod(view.shape[1 : 1 + dims])
    depth = channels // groups * math.prod(view.shape[1 + dims :])
    return view.transpose(order).reshape(groups, depth, positions)


def _spread(x: Array, strides: Sequence[int]) -> Array:
    """Put `stride - 1` zeros between neighbours along each spatial axis."""
    sizes = [(size - 1) * step + 1 for size, step in zip(x.shape[2:], strides, strict=True)]
    result = np.zeros((*x.shape[:2], *sizes), x.dtype)
    result[last_axes(result, [slice(None, None, step) for step in strides])] = x
    return result


def _turned(w: Array, groups: int) -> Array:
    """Kernels (I, O / groups, spatial) as (O, I / groups, spatial), reversed in space."""
    inputs, outputs, *kernel = w.shape
    turned = np.flip(w, tuple(range(2, w.ndim)))
    apart = turned.reshape(groups, inputs // groups, outputs, *kernel).swapaxes(1, 2)
    return apart.reshape(groups * outputs, inputs // groups, *kernel)
