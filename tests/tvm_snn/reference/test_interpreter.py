"""How a function is walked: inputs, intermediates, observers, constants, errors."""

import inspect

import numpy as np
import pytest
import tvm
from tvm import relax
from tvm.script import relax as R

from tests.tvm_snn.reference.reference_tools import compute, function_of
from tvm_snn import errors, reference
from tvm_snn.ops import OPERATORS
from tvm_snn.reference import SUPPORTED, evaluate, evaluate_call, intermediates

X = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)


@R.function
def chain(x: R.Tensor((2, 3), "float32")):
    with R.dataflow():
        signs = R.sign(x)
        doubled = R.add(signs, signs)
        halves = R.split(doubled, 3, axis=1)
        first = halves[0]
        R.output(first, doubled)
    return (first, doubled)


def test_result_and_intermediates():
    first, doubled = evaluate(chain, [X])
    np.testing.assert_array_equal(doubled, 2 * np.sign(X))
    np.testing.assert_array_equal(first, 2 * np.sign(X[:, :1]))
    kept = intermediates(chain, [X])
    assert list(kept)[:4] == ["signs", "doubled", "halves", "first"]
    np.testing.assert_array_equal(kept["signs"], np.sign(X))
    assert [part.shape for part in kept["halves"]] == [(2, 1)] * 3


def test_intermediates_with_the_same_name_are_all_kept():
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((2, 3), "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            a = relax.DataflowVar("v", x.ty)
            b = relax.Var("v", x.ty)
            builder.emit_normalized(relax.VarBinding(a, builder.normalize(relax.op.negative(x))))
            builder.emit_normalized(relax.VarBinding(b, builder.normalize(relax.op.abs(a))))
        builder.emit_func_output(b)
    kept = intermediates(builder.finalize()["main"], [X])
    assert len(kept) == 2
    values = list(kept.values())
    np.testing.assert_array_equal(values[0], -X)
    np.testing.assert_array_equal(values[1], np.abs(X))


def test_observer_sees_every_binding_and_may_replace():
    seen = []

    def observe(var, value):
        seen.append(var.name)
        return np.full_like(value, 7) if var.name == "signs" else None

    _, doubled = evaluate(chain, [X], observe=observe)
    assert seen[:2] == ["signs", "doubled"]
    np.testing.assert_array_equal(doubled, np.full((2, 3), 14))


@pytest.mark.parametrize("wrong", [np.zeros((2, 2), np.float32), np.zeros((2, 3)), 3.0])
def test_observer_may_not_change_shape_or_dtype(wrong):
    with pytest.raises(errors.ModelError, match="observer replaces 'signs'"):
        evaluate(chain, [X], observe=lambda var, _value: wrong if var.name == "signs" else None)


def test_inputs_are_not_changed():
    x = X.copy()
    x.flags.writeable = False
    evaluate(chain, [x])
    compute(lambda a: relax.op.index_put(a, (I0, I0), relax.const([5.0], "float32")), x)


I0 = relax.const([0], "int64")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], r"takes 1 inputs \(x\), 0 were given"),
        ([X, X], "2 were given"),
        ([X[:1]], r"input 'x' has shape \(1, 3\) and dtype float32; the model expects \(2, 3\)"),
        ([X.astype(np.float64)], "dtype float64"),
        ([X.tolist()], "input 'x' is a list"),
    ],
)
def test_inputs_that_do_not_fit(inputs, message):
    with pytest.raises(errors.ModelError, match=message):
        evaluate(chain, inputs)


def test_unknown_operator_is_named_with_its_variable():
    function = function_of(lambda _x: relax.op.hamming_window(4, True, 0.5, 0.5, "float32"), X)
    with pytest.raises(errors.UnsupportedOperatorError) as caught:
        evaluate(function, [X])
    assert "relax.hamming_window" in str(caught.value)
    assert "at '" in str(caught.value)


def test_values_that_do_not_fit_an_operator_give_a_model_error():
    with pytest.raises(errors.ModelError, match="index 9 is outside an axis of size 3"):
        compute(lambda x: relax.op.take(x, relax.const([9], "int64"), 1), X)


def test_dynamic_shapes_are_refused():
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((tvm.tirx.Var("n", "int64"), 3), "float32"))
    with builder.function("main", [x]):
        builder.emit_func_output(builder.emit(relax.op.abs(x)))
    with pytest.raises(errors.ModelError, match="dynamic shape"):
        evaluate(builder.get()["main"], [X])


def test_branches_are_refused():
    @R.function
    def branches(x: R.Tensor((2, 3), "float32"), c: R.Tensor((), "bool")):
        if c:  # noqa: SIM108
            y = R.abs(x)
        else:
            y = R.negative(x)
        return y

    with pytest.raises(errors.UnsupportedOperatorError, match="branches"):
        evaluate(branches, [X, np.array(True)])


def test_calls_of_primitive_functions_are_refused():
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((2, 3), "float32"))
    with builder.function("main", [x]):
        result = builder.emit_te(lambda a: tvm.topi.nn.relu(a), x)
        builder.emit_func_output(result)
    with pytest.raises(errors.UnsupportedOperatorError, match=r"relax\.call_tir"):
        evaluate(builder.get()["main"], [X])


def test_assertion_of_the_model():
    function = function_of(lambda c: relax.op.assert_op(c, [], "too large"), np.array(True))
    assert evaluate(function, [np.array(True)]) == ()
    with pytest.raises(errors.ModelError, match="too large"):
        evaluate(function, [np.array(False)])


def test_match_cast_checks_the_shape():
    @R.function
    def cast(x: R.Tensor((2, 3), "float32")):
        with R.dataflow():
            y = R.reshape(x, (3, 2))
            z = R.match_cast(y, R.Tensor((3, 2), "float32"))
            R.output(z)
        return z

    np.testing.assert_array_equal(evaluate(cast, [X]), X.reshape(3, 2))


def test_evaluate_call_takes_literals_from_the_call():
    x = relax.Var("x", relax.TensorType((2, 3), "float32"))
    call = relax.op.reshape(x, (3, 2))
    np.testing.assert_array_equal(evaluate_call(call, [X, None]), X.reshape(3, 2))
    np.testing.assert_array_equal(evaluate_call(call, [X, (6, 1)]), X.reshape(6, 1))
    scale = relax.op.multiply(x, relax.const(2.0, "float32"))
    np.testing.assert_array_equal(evaluate_call(scale, [X, None]), 2 * X)
    with pytest.raises(errors.ModelError, match="takes 2 arguments, 1 were given"):
        evaluate_call(scale, [X])
    with pytest.raises(errors.ModelError, match=r"relax.reshape does not fit .*\(2, 3\)"):
        evaluate_call(call, [X, (4, 2)])


def test_evaluate_call_on_big_weights_is_fast():
    """The nearest of 32 patterns for 2^18 kernels, as constant folding meets it."""
    latent = np.random.default_rng(0).standard_normal((2**18, 1, 9)).astype(np.float32)
    patterns = np.sign(np.random.default_rng(1).standard_normal((1, 32, 9))).astype(np.float32)

    def nearest(a, p):
        difference = relax.op.subtract(a, p)
        distance = relax.op.sum(relax.op.power(difference, relax.const(2.0, "float32")), [2])
        return relax.op.argmin(relax.op.power(distance, relax.const(0.5, "float32")), 1)

    result = compute(nearest, latent, patterns)
    expected = (latent[:, 0] @ patterns[0].T).argmax(1)
    assert (result == expected).mean() > 0.9999


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_operators_of_the_project(dtype):
    rng = np.random.default_rng(0)
    x = rng.choice(np.array([-1, 0, 1], dtype), (2, 4, 6, 5))
    subset = rng.choice(np.array([-1, 1], np.int8), (5, 2, 3, 3))
    indices = rng.integers(0, 5, (3, 2)).astype(np.uint8)
    attrs = {
        "strides": [2, 1],
        "padding": [1, 0, 1, 2],
        "dilation": [1, 1],
        "groups": 1,
        "data_layout": "NCHW",
    }
    operator = OPERATORS["snn.subset_conv2d"]
    result = compute(lambda *a: operator(*a, **attrs, strategy=""), x, subset, indices)
    np.testing.assert_array_equal(result, operator.reference(x, subset, indices, **attrs))
    kernels = subset[indices].transpose(0, 1, 2, 3, 4).reshape(3, 4, 3, 3)
    dense = compute(
        lambda a, w: relax.op.nn.conv2d(
            a, w, strides=(2, 1), padding=(1, 0, 1, 2), out_dtype=str(result.dtype)
        ),
        x,
        kernels.astype(dtype),
    )
    np.testing.assert_array_equal(result, dense)


def test_every_supported_name_is_an_operator_of_relax():
    known = set(tvm.ir.Op.list_op_names())
    assert known >= SUPPORTED
    assert len(SUPPORTED) > 150


def test_the_interpreter_generates_no_code():
    """No file of the interpreter compiles or builds anything."""
    for name, module in inspect.getmembers(reference, inspect.ismodule):
        source = inspect.getsource(module)
        assert "tvm.compile" not in source, name
        assert ".build(" not in source, name
