"""Batch, layer, group, instance and RMS normalization, softmax, and dropout at inference.

Statistics are computed in float64 and rounded once.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .table import integers, operator

Array = np.ndarray


@operator("relax.nn.batch_norm")
def batch_norm(
    attrs: Any, x: Array, gamma: Array, beta: Array, mean: Array, variance: Array
) -> tuple[Array, Array, Array]:
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, and the two running statistics.

    With `training` the batch's own statistics are used and the running ones move towards them by
    `momentum`.
    """
    axis = int(attrs.axis) % x.ndim
    if attrs.training:
        others = tuple(i for i in range(x.ndim) if i != axis)
        batch_mean, batch_variance = _moments(x, others)
        momentum = float(attrs.momentum)
        moved = [
            ((1 - momentum) * old + momentum * new.ravel()).astype(x.dtype)
            for old, new in ((mean, batch_mean), (variance, batch_variance))
        ]
        used = batch_mean.ravel(), batch_variance.ravel()
    else:
        moved, used = [mean, variance], (mean, variance)
    shape = [1] * x.ndim
    shape[axis] = -1
    factor = 1 / np.sqrt(used[1].astype(np.float64) + float(attrs.epsilon))
    factor = factor * gamma if attrs.scale else factor
    shift = (beta if attrs.center else 0) - used[0] * factor
    return (_affine(x, factor.reshape(shape), shift.reshape(shape)), moved[0], moved[1])


def _affine(x: Array, factor: Array, shift: Array) -> Array:
    return (x * factor + shift).astype(x.dtype)


def _moments(x: Array, axes: Sequence[int]) -> tuple[Array, Array]:
    """Mean and (biased) variance along the axes, kept as axes of size one."""
    axes = tuple(axes)
    return (
        x.mean(axes, dtype=np.float64, keepdims=True),
        x.var(axes, dtype=np.float64, keepdims=True),
    )


def _normalized(x: Array, axes: Sequence[int], epsilon: float) -> Array:
    mean, variance = _moments(x, axes)
    return (x - mean) / np.sqrt(variance + epsilon)


def _scaled(attrs: Any, x: Array, gamma: Array, beta: Array, dtype: np.dtype) -> Array:
    """`x * gamma + beta`, where the attributes ask for them, rounded to the dtype."""
    x = x * gamma if attrs.scale else x
    return (x + beta if attrs.center else x).astype(dtype)


@operator("relax.nn.layer_norm")
def layer_norm(attrs: Any, x: Array, gamma: Array, beta: Array) -> Array:
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, statistics over the listed axes."""
    axes = [axis % x.ndim for axis in integers(attrs.axes)]
    shape = [x.shape[i] if i in axes else 1 for i in range(x.ndim)]
    normal = _normalized(x, axes, float(attrs.epsilon))
    return _scaled(attrs, normal, gamma.reshape(shape), beta.reshape(shape), x.dtype)


@operator("relax.nn.group_norm")
def group_norm(attrs: Any, x: Array, gamma: Array, beta: Array) -> Array:
    """Normalization over the listed axes and the channels of one group."""
    channel, groups = int(attrs.channel_axis) % x.ndim, int(attrs.num_groups)
    lead, channels, tail = x.shape[:channel], x.shape[channel], x.shape[channel + 1 :]
    grouped = x.reshape(*lead, groups, channels // groups, *tail)
    axes = [axis % x.ndim for axis in integers(attrs.axes)]
    inner = [channel + 1, *(axis + (axis > channel) for axis in axes)]
    normal = _normalized(grouped, inner, float(attrs.epsilon)).reshape(x.shape)
    return _per_channel(attrs, normal, gamma, beta, channel, x.dtype)


@operator("relax.nn.instance_norm")
def instance_norm(attrs: Any, x: Array, gamma: Array, beta: Array) -> Array:
    """Normalization over the listed axes, which exclude the channel axis."""
    normal = _normalized(x, [axis % x.ndim for axis in integers(attrs.axes)], float(attrs.epsilon))
    return _per_channel(attrs, normal, gamma, beta, int(attrs.channel_axis) % x.ndim, x.dtype)


def _per_channel(
    attrs: Any, x: Array, gamma: Array, beta: Array, channel: int, dtype: np.dtype
) -> Array:
    shape = [1] * x.ndim
    shape[channel] = -1
    return _scaled(attrs, x, gamma.reshape(shape), beta.reshape(shape), dtype)


@operator("relax.nn.rms_norm")
def rms_norm(attrs: Any, x: Array, weight: Array) -> Array:
    """`x / sqrt(mean(x^2) + epsilon) * weight`."""
    axes = tuple(axis % x.ndim for axis in integers(attrs.axes))
    shape = [x.shape[i] if i in axes else 1 for i in range(x.ndim)]
    square = np.mean(np.square(x, dtype=np.float64), axes, keepdims=True)
    return (x / np.sqrt(square + float(attrs.epsilon)) * weight.reshape(shape)).astype(x.dtype)


@operator("relax.nn.softmax")
def softmax(attrs: Any, x: Array) -> Array:
    """`exp(x - max) / sum(exp(x - max))` along the axis."""
    powers = np.exp(x - x.max(int(attrs.axis), keepdims=True))
    total = powers.sum(int(attrs.axis), dtype=np.float64, keepdims=True)
    return (powers / total).astype(x.dtype)


@operator("relax.nn.log_softmax")
def log_softmax(attrs: Any, x: Array) -> Array:
    """`x - max - log(sum(exp(x - max)))` along the axis."""
    centered = x - x.max(int(attrs.axis), keepdims=True)
    total = np.exp(centered).sum(int(attrs.axis), dtype=np.float64, keepdims=True)
    return (centered - np.log(total)).astype(x.dtype)


@operator("relax.nn.dropout")
def dropout(_attrs: Any, x: Array) -> tuple[Array, Array]:
    """At inference dropout passes everything: the input, and a mask of ones."""
    return x, np.ones_like(x)
