"""Operands to measure and to check a kernel with: random, and valid for the operator."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..ops import LAYERS, static_shape
from ..ops.levels import LEVELS
from ..ops.packed_signs import pack, words_of
from ..schedules.operation import Operation

_SUBSET_SEED = 5
_MOST_BITS = 62
"""Weights of a subset kernel that can be drawn as one number."""

Operand = tuple[str, tuple[int, ...]]
"""Dtype and shape."""


def result_type(operation: Operation) -> Operand:
    """Return dtype and shape of what the operator gives."""
    ty = LAYERS[operation.operator].infer_type(operation.call())
    return str(ty.dtype), static_shape(ty) or ()


def scale_shape(operation: Operation) -> tuple[int, ...]:
    """Return the shape of a factor for each output that multiplies the result."""
    shape = result_type(operation)[1]
    if dict(operation.attrs).get("data_layout") == "NCHW":
        return (shape[1], 1, 1)
    return (shape[-1],)


def random_operands(
    types: Sequence[Operand], zeros: float, seed: int = 0, top: int = 1
) -> list[NDArray]:
    """Return the operands of a layer and the factors that its result is multiplied with.

    `types` are dtype and shape of the data, the weights (a subset and indices into it, or weights
    of +1 and -1) and the factors. The subset is that of :func:`random_subset`, and indices lie
    inside of it. `zeros` is the share of zeros among data that are signs, and `top` the
    largest of data that are levels.
    """
    generator = np.random.default_rng(seed)
    (dtype, shape), *weights, (_, factors) = types
    if len(weights) == 2:
        arrays: list[NDArray] = [random_subset(weights[0][1])]
        kernels = weights[0][1][0]
        arrays.append(generator.integers(0, kernels, weights[1][1]).astype(np.uint8))
    else:
        arrays = [generator.choice(np.array([-1, 1], np.int8), weights[0][1])]
    channels = _group_channels([shape for _, shape in weights])
    data = _data(generator, dtype, shape, zeros, top, channels)
    # Of either sign, as BatchNorm leaves them.
    scale = generator.uniform(0.5, 2, factors) * generator.choice([-1, 1], factors)
    return [data, *arrays, scale.astype(np.float32)]


def random_subset(shape: Sequence[int]) -> NDArray[np.int8]:
    """Return kernels of +1 and -1, the same ones for the same shape (K, ...).

    No two of them are equal, unless there are not so many or they are longer than 62 weights. A
    kernel may be compiled for these: what it is measured with later has them, too.
    """
    kernels, bits = shape[0], math.prod(shape[1:])
    generator = np.random.default_rng(_SUBSET_SEED)
    if bits > _MOST_BITS or kernels > 1 << bits:
        return generator.choice(np.array([-1, 1], np.int8), tuple(shape))
    codes = generator.choice(1 << bits, kernels, replace=False)
    signs = np.where(codes[:, None] >> np.arange(bits) & 1, 1, -1)
    return signs.reshape(tuple(shape)).astype(np.int8)


def reference(operation: Operation, operands: Sequence[NDArray]) -> NDArray[np.float32]:
    """Return what a kernel has to give for :func:`random_operands`, by the operator's meaning."""
    *arguments, scale = operands
    sums = LAYERS[operation.operator].reference(*arguments, **dict(operation.attrs))
    return sums.astype(np.float32) * scale


def _data(
    generator: np.random.Generator,
    dtype: str,
    shape: tuple[int, ...],
    zeros: float,
    top: int,
    channels: int,
) -> NDArray:
    if dtype == "float32":
        return generator.standard_normal(shape, dtype=np.float32)
    if dtype == LEVELS:
        return generator.integers(0, top + 1, shape).astype(np.uint8)
    rest = (1 - zeros) / 2
    signs = np.array([-1, 0, 1], np.int8)
    if dtype == "int8":
        return generator.choice(signs, shape, p=[rest, zeros, rest])
    n, _, height, width, words = shape
    groups = words // words_of(channels)
    image = generator.choice(signs, (n, height, width, groups * channels), p=[rest, zeros, rest])
    return pack(image, groups)


def _group_channels(weights: Sequence[tuple[int, ...]]) -> int:
    """Return the input channels of a group, from the shapes of the weights."""
    if len(weights) == 1:
        return weights[0][1]
    subset, indices = weights
    return indices[1] * subset[1]
