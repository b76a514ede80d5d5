"""Plain convolution and matrix product in numpy: the meaning that all binary layers share."""

import numpy as np
from numpy.typing import NDArray

from .geometry import ConvGeometry
from .packed_signs import unpack


def convolve(data: NDArray, weight: NDArray, geometry: ConvGeometry) -> NDArray:
    """Convolve int8, uint8 or float32 data, or packed signs, with weights of +1 and -1.

    `data` is (N, C, H, W) or (N, H, W, C) as `geometry.data_layout` says, or uint64 words (see
    `packed_signs`); `weight` is int8 (O, C/groups, kh, kw). Returns float32 for float32 data and
    int32 for signs and levels, in `geometry.data_layout`.
    """
    if data.dtype == np.uint64:
        data = unpack(data, weight.shape[1] * geometry.groups, geometry.groups)
    channels_first = data if geometry.data_layout == "NCHW" else data.transpose(0, 3, 1, 2)
    n, c, h, w = channels_first.shape
    outputs, _, kh, kw = weight.shape
    groups = geometry.groups
    out_h, out_w = geometry.output_size(h, w, (kh, kw))
    top, left, bottom, right = geometry.padding
    padded = np.pad(channels_first, ((0, 0), (0, 0), (top, bottom), (left, right)))
    # Sums of 8-bit integers stay far below 2^53, so float64 carries them exactly.
    wide = np.float32 if data.dtype == np.float32 else np.float64
    grouped = padded.astype(wide).reshape(n, groups, c // groups, *padded.shape[2:])
    kernels = weight.astype(wide).reshape(groups, outputs // groups, c // groups, kh, kw)
    result = np.zeros((n, groups, outputs // groups, out_h * out_w), dtype=wide)
    for i in range(kh):
        for j in range(kw):
            rows = _taps(i * geometry.dilation[0], geometry.strides[0], out_h)
            columns = _taps(j * geometry.dilation[1], geometry.strides[1], out_w)
            patch = grouped[:, :, :, rows, columns].reshape(n, groups, c // groups, -1)
            result += np.matmul(kernels[:, :, :, i, j], patch)
    out: NDArray = result.reshape(n, outputs, out_h, out_w).astype(accumulator(data))
    return out if geometry.data_layout == "NCHW" else out.transpose(0, 2, 3, 1)


def multiply(data: NDArray, weight: NDArray) -> NDArray:
    """Multiply data (..., I) with weights of +1 and -1, int8 (O, I): int32 or float32 (..., O)."""
    wide = np.float32 if data.dtype == np.float32 else np.float64
    return np.matmul(data.astype(wide), weight.astype(wide).T).astype(accumulator(data))


def accumulator(data: NDArray) -> type:
    """Return the dtype in which a layer sums up data of this dtype."""
    return np.float32 if data.dtype == np.float32 else np.int32


def _taps(first: int, stride: int, count: int) -> slice:
    return slice(first, first + stride * (count - 1) + 1, stride)
