"""Operators that the exporters above seldom emit, built in Relax, against numpy and PyTorch."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from tvm import relax

from tests.tvm_snn.reference.reference_tools import compute
from tvm_snn.errors import UnsupportedOperatorError
from tvm_snn.reference.layout import reordered

op = relax.op
X = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
Y = np.abs(X) + np.float32(0.5)
IMAGE = np.random.default_rng(1).standard_normal((2, 8, 3, 5)).astype(np.float32)
TRUTH = X > 0


def const(values, dtype: str):
    return relax.const(np.array(values, dtype), dtype)


# name of the case: expression, input, expected result
CASES = {
    "atan2": (lambda x: op.atan2(x, op.abs(x)), X, np.arctan2(X, np.abs(X))),
    "bucketize": (
        lambda x: op.bucketize(x, const([-1, 0, 0.5], "float32"), out_int32=True, right=True),
        X,
        np.searchsorted([-1, 0, 0.5], X, "right").astype(np.int32),
    ),
    "collapse_sum_like": (
        lambda x: op.collapse_sum_like(x, const([0, 0, 0, 0], "float32")),
        X,
        X.sum(0),
    ),
    "dynamic_strided_slice": (
        lambda x: op.dynamic_strided_slice(
            x, const([2, 1], "int64"), const([-9, 4], "int64"), const([-1, 2], "int64")
        ),
        X,
        X[::-1, 1:4:2],
    ),
    "einsum": (lambda x: op.einsum((x, x), "ij,kj->ik"), X, X @ X.T),
    "ewise_fma": (lambda x: op.ewise_fma(x, x, x), X, X * X + X),
    "eye": (lambda x: op.add(x, op.eye(3, 4, 1)), X, X + np.eye(3, 4, 1, np.float32)),
    "eye_like": (lambda x: op.eye_like(x, -1), X, np.eye(3, 4, -1, np.float32)),
    "flatten": (op.flatten, X, X.ravel()),
    "batch_flatten": (op.nn.batch_flatten, IMAGE, IMAGE.reshape(2, -1)),
    "isinf": (lambda x: op.isinf(op.divide(x, op.nn.relu(x))), X, X < 0),
    "log_add_exp": (lambda x: op.log_add_exp(x, x), X, X + np.log(np.float32(2))),
    "logical_and": (lambda c: op.logical_and(c, c), TRUTH, TRUTH),
    "logical_or": (lambda c: op.logical_or(c, op.logical_not(c)), TRUTH, np.ones((3, 4), bool)),
    "ones": (lambda x: op.add(x, op.ones((3, 4), "float32")), X, X + 1),
    "ones_like": (lambda x: op.ones_like(x, "int8"), X, np.ones((3, 4), np.int8)),
    "outer": (lambda x: op.outer(op.flatten(x), op.flatten(x)), X, np.outer(X, X)),
    "repeat": (lambda x: op.repeat(x, 2, 1), X, X.repeat(2, 1)),
    "repeat_all": (lambda x: op.repeat(x, 2), X, X.repeat(2)),
    "selu": (op.nn.selu, X, F.selu(torch.from_numpy(X)).numpy()),
    "silu": (op.nn.silu, X, F.silu(torch.from_numpy(X)).numpy()),
    "size": (op.size, X, np.array(12, np.int64)),
    "sort": (lambda x: op.sort(x, 0, descending=True), X, -np.sort(-X, 0)),
    "square": (op.square, X, X * X),
    "std": (lambda x: op.std(x, 1), X, X.std(1)),
    "triu": (lambda x: op.triu(x, 1), X, np.triu(X, 1)),
    "tensor_to_shape": (
        lambda x: op.shape_to_tensor(op.shape_of(op.permute_dims(x))),
        X,
        np.array([4, 3]),
    ),
    "take_nan": (
        lambda x: op.take(x, const([9, 1], "int64"), 0, mode="nan"),
        X,
        np.stack([np.full(4, np.nan, np.float32), X[1]]),
    ),
    "pixel_shuffle": (
        lambda x: op.nn.pixel_shuffle(x, 2),
        IMAGE,
        F.pixel_shuffle(torch.from_numpy(IMAGE), 2).numpy(),
    ),
    "rms_norm": (
        lambda x: op.nn.rms_norm(x, const([1, 2, 3, 4], "float32"), [-1], 1e-3),
        X,
        X / np.sqrt((X * X).mean(1, keepdims=True) + 1e-3) * np.array([1, 2, 3, 4], np.float32),
    ),
    "slice_scatter": (
        lambda x: op.slice_scatter(x, const([[9], [8], [7]], "float32"), 1, 4, 3, 1),
        X,
        np.concatenate([X[:, :1], [[9], [8], [7]], X[:, 2:]], 1).astype(np.float32),
    ),
    "scatter_mean": (
        lambda x: op.scatter_elements(
            x, const([[0] * 4, [0] * 4], "int64"), const([[3] * 4, [6] * 4], "float32"), 0, "mean"
        ),
        X,
        np.concatenate([(X[:1] + 9) / 3, X[1:]]),
    ),
    "wrap_around": (
        lambda x: op.nn.pad(x, (1, 0, 0, 2), pad_mode="circular"),
        X,
        np.pad(X, [(1, 0), (0, 2)], mode="wrap"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_operator(name):
    build, value, expected = CASES[name]
    result = compute(build, value)
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_dropout_passes_everything():
    value, mask = compute(lambda x: op.nn.dropout(x, 0.7), X)
    np.testing.assert_array_equal(value, X)
    np.testing.assert_array_equal(mask, np.ones_like(X))


def test_meshgrid():
    rows, columns = compute(lambda a, b: op.meshgrid((a, b), "ij"), np.arange(3), np.arange(4))
    np.testing.assert_array_equal(rows, np.indices((3, 4))[0])
    np.testing.assert_array_equal(columns, np.indices((3, 4))[1])


def test_batch_norm_in_training_uses_and_moves_the_statistics():
    parameters = [np.linspace(0.5, 1.5, 8, dtype=np.float32) * k for k in (1, 2, 3, 4)]
    result, mean, variance = compute(
        lambda x, *p: op.nn.batch_norm(x, *p, axis=1, momentum=0.25, training=True),
        IMAGE,
        *parameters,
    )
    torch_mean, torch_variance = (torch.tensor(p) for p in parameters[2:])
    weight, bias = (torch.tensor(p) for p in parameters[:2])
    expected = F.batch_norm(
        torch.tensor(IMAGE), torch_mean, torch_variance, weight, bias, True, 0.25
    )
    np.testing.assert_allclose(result, expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(mean, torch_mean.numpy(), atol=1e-5)
    # TVM moves the variance by the biased estimate, torch by the unbiased one.
    biased = 0.75 * parameters[3] + 0.25 * IMAGE.var((0, 2, 3))
    np.testing.assert_allclose(variance, biased, atol=1e-5)


@pytest.mark.parametrize("causal", [None, "TopLeft"])
@pytest.mark.parametrize("biased", [False, True])
def test_attention(causal, biased):
    rng = np.random.default_rng(2)
    query, key, value = (rng.standard_normal((2, n, 3, 4)).astype(np.float32) for n in (5, 6, 6))
    bias = rng.standard_normal((2, 3, 5, 6)).astype(np.float32) * biased
    visible = np.tri(5, 6) if causal else np.ones((5, 6))
    mask = np.where(visible, bias, -np.inf).astype(np.float32)
    heads = [torch.from_numpy(x).transpose(1, 2) for x in (query, key, value)]
    expected = F.scaled_dot_product_attention(*heads, torch.from_numpy(mask), scale=0.3)
    result = compute(
        lambda q, k, v, b: op.nn.attention(
            q, k, v, b if biased else None, scale=0.3, causal_mask=causal
        ),
        query,
        key,
        value,
        bias,
    )
    np.testing.assert_allclose(result, expected.transpose(1, 2).numpy(), atol=1e-5)


def test_unknown_layout_is_refused():
    with pytest.raises(UnsupportedOperatorError, match="NCHW4c"):
        reordered(np.zeros((1, 1, 2, 2, 4)), "NCHW4c", "NCHW")
