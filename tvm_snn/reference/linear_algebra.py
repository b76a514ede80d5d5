"""Matrix products, einsum, and scaled dot-product attention."""

from typing import Any

import numpy as np

from .table import dtype_of, enter_plain, operator

Array = np.ndarray


def exact_matmul(a: Array, b: Array, dtype: np.dtype) -> Array:
    """Batched matrix product with broadcasting; integers exactly, wrapped to the dtype.

    Products of 8- and 16-bit integers summed over less than 2^22 terms stay below 2^53, so float64
    holds every partial sum exactly and a floating matrix product may be used.
    """
    if a.dtype.kind == "f" or b.dtype.kind == "f":
        return np.matmul(a.astype(dtype, copy=False), b.astype(dtype, copy=False))
    narrow = a.dtype.itemsize <= 2 and b.dtype.itemsize <= 2 and a.shape[-1] < 2**22
    wide = np.float64 if narrow else np.int64
    product = np.matmul(a.astype(wide), b.astype(wide))
    return product.astype(np.int64, copy=False).astype(dtype, copy=False)


@operator("relax.matmul")
def matmul(attrs: Any, a: Array, b: Array) -> Array:
    """numpy's matmul: one-dimensional operands are a row or a column, batches broadcast."""
    return exact_matmul(a, b, dtype_of(attrs.out_dtype, a.dtype))


@operator("relax.einsum")
def einsum(attrs: Any, operands: tuple[Array, ...]) -> Array:
    """Einstein summation."""
    return np.einsum(str(attrs.subscripts), *operands, optimize=True)


enter_plain({"relax.outer": np.outer})


@operator("relax.nn.attention")
def attention(attrs: Any, query: Array, key: Array, value: Array) -> Array:
    """`softmax(scale * query key^T) value` on (batch, sequence, head, channel) tensors."""
    return _attention(attrs, query, key, value, None)


@operator("relax.nn.attention_bias")
def attention_bias(attrs: Any, query: Array, key: Array, value: Array, bias: Array) -> Array:
    """`softmax(scale * query key^T + bias) value`."""
    return _attention(attrs, query, key, value, bias)


def _attention(attrs: Any, query: Array, key: Array, value: Array, bias: Array | None) -> Array:
    scale = query.shape[-1] ** -0.5 if attrs.scale is None else float(attrs.scale.value)
    scores = np.einsum("bqhc,bkhc->bhqk", query, key, optimize=True) * np.float32(scale)
    if bias is not None:
        scores = scores + bias
    scores = np.where(_visible(attrs, *scores.shape[-2:]), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights = (weights / weights.sum(-1, keepdims=True)).astype(query.dtype)
    return np.einsum("bhqk,bkhc->bqhc", weights, value, optimize=True)


def _visible(attrs: Any, queries: int, keys: int) -> Array:
    """Mask of the keys that each query may look at."""
    if attrs.causal_mask is None:
        return np.ones((queries, keys), bool)
    offset = abs(queries - keys) if attrs.causal_mask == "BottomRight" else 0
    return np.tri(queries, keys, offset, bool)
