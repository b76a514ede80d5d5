"""Activation functions that Relax has as operators of their own."""

import math
from typing import Any

import numpy as np

from .elementwise import erf, sigmoid
from .table import enter_plain, operator

Array = np.ndarray

# Klambauer et al., Self-Normalizing Neural Networks, NeurIPS 2017.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def gelu(x: Array) -> Array:
    """`x * Phi(x)` with the normal distribution function by erf."""
    return x * (0.5 + 0.5 * erf(x * x.dtype.type(math.sqrt(0.5))))


def gelu_tanh(x: Array) -> Array:
    """`x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`."""
    inner = x.dtype.type(math.sqrt(2 / math.pi)) * x * (1 + x.dtype.type(0.044715) * x * x)
    return x.dtype.type(0.5) * x * (1 + np.tanh(inner))


def selu(x: Array) -> Array:
    """`scale * (max(x, 0) + min(alpha * (exp(x) - 1), 0))`."""
    negative = np.minimum(x.dtype.type(SELU_ALPHA) * np.expm1(np.minimum(x, 0)), 0)
    return x.dtype.type(SELU_SCALE) * (np.maximum(x, 0) + negative)


enter_plain(
    {
        "relax.nn.gelu": gelu,
        "relax.nn.gelu_tanh": gelu_tanh,
        "relax.nn.relu": lambda x: np.maximum(x, x.dtype.type(0)),
        "relax.nn.selu": selu,
        "relax.nn.silu": lambda x: x * sigmoid(x),
    }
)


@operator("relax.nn.leakyrelu")
def leaky_relu(attrs: Any, x: Array) -> Array:
    """`x` where x > 0, else `alpha * x`."""
    return np.where(x > 0, x, x * x.dtype.type(attrs.alpha))


@operator("relax.nn.prelu")
def prelu(attrs: Any, x: Array, alpha: Array) -> Array:
    """`x` where x > 0, else `alpha[c] * x` with c along the axis; one alpha serves all channels."""
    shape = [1] * x.ndim
    shape[int(attrs.axis)] = -1
    return np.where(x > 0, x, x * alpha.reshape(shape))


@operator("relax.nn.softplus")
def softplus(attrs: Any, x: Array) -> Array:
    """`log(1 + exp(beta * x)) / beta`, and x itself where `beta * x` exceeds the threshold."""
    scaled = x * x.dtype.type(attrs.beta)
    smooth = np.log1p(np.exp(np.minimum(scaled, attrs.threshold))) / x.dtype.type(attrs.beta)
    return np.where(scaled > attrs.threshold, x, smooth).astype(x.dtype)
