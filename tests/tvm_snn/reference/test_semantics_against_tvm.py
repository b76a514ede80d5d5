"""Corner cases of single operators against what TVM compiles them to.

Where numpy, PyTorch and ONNX disagree about zero, NaN, halves and negative integers, the reference
interpreter does what TVM does.
"""

import numpy as np
import pytest
import torch
from tvm import relax

from tests.tvm_snn.reference.reference_tools import compile_and_run, compute

op = relax.op
FLOATS = np.array([0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.7, -3.7, 1e-30], np.float32)
INTEGERS = np.array([-9, -7, -1, 0, 1, 7, 9], np.int32)
DIVISORS = np.array([4, -4, 2, 5, -3, -2, 3], np.int32)
MATRIX = np.array([[3, 1, 2, 1], [5, 5, -1, 0]], np.float32)

ON_FLOATS = {
    "round": op.round,
    "sign": op.sign,
    "floor": op.floor,
    "ceil": op.ceil,
    "trunc": op.trunc,
    "sigmoid": op.sigmoid,
    "clip": lambda x: op.clip(x, -1, 2),
    "to_int": lambda x: op.astype(x, "int32"),
    "to_bool": lambda x: op.astype(x, "bool"),
    "floor_divide": lambda x: op.floor_divide(x, relax.const(0.7, "float32")),
    "floor_mod": lambda x: op.floor_mod(x, relax.const(-0.7, "float32")),
    "leaky_relu": lambda x: op.nn.leakyrelu(x, 0.1),
    "softplus": lambda x: op.nn.softplus(op.abs(x), 2.0, 3.0),
    "cumsum_exclusive": lambda x: op.cumsum(x, 0, exclusive=True),
}


@pytest.mark.parametrize("name", ON_FLOATS)
def test_on_floats(name):
    result = compute(ON_FLOATS[name], FLOATS)
    expected = compile_and_run(ON_FLOATS[name], FLOATS)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-6)


ON_INTEGERS = {
    "divide": op.divide,
    "mod": op.mod,
    "floor_divide": op.floor_divide,
    "floor_mod": op.floor_mod,
    "maximum": op.maximum,
    "left_shift": lambda a, _b: op.left_shift(a, relax.const(2, "int32")),
    "right_shift": lambda a, _b: op.right_shift(a, relax.const(2, "int32")),
    "sum_wraps": lambda a, _b: op.sum(op.astype(op.multiply(a, a), "int8")),
    "argmax": lambda a, b: op.argmax(op.stack([a, b]), 0),
}


@pytest.mark.parametrize("name", ON_INTEGERS)
def test_on_integers(name):
    result = compute(ON_INTEGERS[name], INTEGERS, DIVISORS)
    expected = compile_and_run(ON_INTEGERS[name], INTEGERS, DIVISORS)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


ON_MATRIX = {
    "argmax_of_equals": lambda x: op.argmax(x, 1),
    "argmin_of_equals": lambda x: op.argmin(x, 1),
    "argsort_of_equals": lambda x: op.argsort(x, 1, descending=True),
    "split_unevenly": lambda x: relax.TupleGetItem(op.split(x, 3, 1), 1),
    "take_clip": lambda x: op.take(x, relax.const([-1, 9], "int64"), 1, mode="clip"),
    "take_wrap": lambda x: op.take(x, relax.const([-1, 9], "int64"), 1, mode="wrap"),
    "slice_backwards": lambda x: op.strided_slice(x, [1], [3], [-9], [-2]),
    "slice_beyond": lambda x: op.strided_slice(x, [1], [-3], [99]),
    "variance": lambda x: op.variance(x, 1),
    "prelu": lambda x: op.nn.prelu(op.negative(x), relax.const([0.1, 0.2], "float32"), 0),
    "prelu_shared": lambda x: op.nn.prelu(op.negative(x), relax.const([0.1], "float32"), 0),
    "one_hot": lambda x: op.one_hot(
        op.astype(op.abs(x), "int64"), relax.prim_value(2), relax.prim_value(-1), 4, 1
    ),
    "quantize": lambda x: op.quantize(
        x, relax.const(0.4, "float32"), relax.const(3, "int8"), 1, "int8"
    ),
    "dequantize": lambda x: op.dequantize(
        op.astype(x, "int8"), relax.const(0.4, "float32"), relax.const(3, "int8"), 1, "float32"
    ),
    "selu": op.nn.selu,
    "gather_nd": lambda x: op.gather_nd(x, relax.const([[1, 0], [0, 3]], "int64")),
    "scatter_add": lambda x: op.scatter_elements(
        x, relax.const([[0, 0, 1, 0]], "int64"), relax.const([[9, 8, 7, 6]], "float32"), 0, "add"
    ),
    "scatter_nd": lambda x: op.scatter_nd(
        x, relax.const([[0, 0], [1, 3]], "int64"), relax.const([9, 8], "float32"), "update"
    ),
    "tile": lambda x: op.tile(x, (2, 1, 2)),
    "collapse_sum": lambda x: op.collapse_sum_to(x, (1, 4)),
}


@pytest.mark.parametrize("name", ON_MATRIX)
def test_on_a_matrix(name):
    result = compute(ON_MATRIX[name], MATRIX)
    expected = compile_and_run(ON_MATRIX[name], MATRIX)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_sign_of_nan_is_zero_in_tvm_torch_and_here():
    nan = np.array([np.nan], np.float32)
    assert compute(op.sign, nan) == 0
    assert compile_and_run(op.sign, nan) == 0
    assert torch.sign(torch.from_numpy(nan)).item() == 0


def test_nan_passes_through_maximum_as_in_torch():
    nan = np.array([np.nan, 1.0], np.float32)
    np.testing.assert_array_equal(compute(op.nn.relu, nan), torch.relu(torch.from_numpy(nan)))


def test_constant_division_by_zero_is_an_error_for_integers_only():
    from tvm_snn import errors

    zero = np.zeros(1, np.int32)
    with pytest.raises(errors.ModelError, match="divided by zero"):
        compute(op.divide, np.ones(1, np.int32), zero)
    result = compute(op.divide, np.ones(1, np.float32), zero.astype(np.float32))
    assert np.isinf(result).all()
