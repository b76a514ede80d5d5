"""Sign-valued tensors are told from other floats, however they are spelled."""

import numpy as np
import pytest
from tvm import relax
from tvm.relax import op

from tvm_snn.relay_passes.sign_values import is_sign_valued, possible_values

SHAPE = (1, 4, 6, 6)
ONE, MINUS_ONE, ZERO, TWO = (relax.const(float(value), "float32") for value in (1, -1, 0, 2))


def analyse(build):
    """Analyse the value that `build(emit, x)` ends with, every step bound to a variable."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType(SHAPE, "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            output = builder.emit_output(build(builder.emit, x))
        builder.emit_func_output(output)
    bindings = {b.var: b.value for b in builder.get()["main"].body.blocks[0].bindings}
    return output, bindings


def positive(emit, x):
    return emit(op.greater_equal(x, ZERO))


def as_number(emit, condition):
    return emit(op.astype(condition, "float32"))


SIGN_VALUED = {
    "sign": lambda _emit, x: op.sign(x),
    "negated sign": lambda emit, x: op.negative(emit(op.sign(x))),
    "where": lambda emit, x: op.where(positive(emit, x), ONE, MINUS_ONE),
    "where of a sign": lambda emit, x: op.where(positive(emit, x), emit(op.sign(x)), ZERO),
    "2 b - 1": lambda emit, x: op.subtract(
        emit(op.multiply(as_number(emit, positive(emit, x)), TWO)), ONE
    ),
    "b - not b": lambda emit, x: op.subtract(
        as_number(emit, positive(emit, x)), as_number(emit, emit(op.less(x, ZERO)))
    ),
    "a boolean": lambda emit, x: op.astype(positive(emit, x), "float32"),
    "cast to int8": lambda emit, x: op.astype(emit(op.sign(x)), "int8"),
    "product of two": lambda emit, x: op.multiply(emit(op.sign(x)), emit(op.sign(x))),
    "maximum": lambda emit, x: op.maximum(emit(op.sign(x)), ZERO),
    "reshape": lambda emit, x: op.reshape(emit(op.sign(x)), (4, 36)),
    "permute": lambda emit, x: op.permute_dims(emit(op.sign(x)), [0, 2, 3, 1]),
    "max pool": lambda emit, x: op.nn.max_pool2d(emit(op.sign(x)), (2, 2), padding=1),
    "pad with 0": lambda emit, x: op.nn.pad(emit(op.sign(x)), (0, 0, 0, 0, 1, 1, 1, 1)),
    "pad with -1": lambda emit, x: op.nn.pad(
        emit(op.sign(x)), (0, 0, 0, 0, 1, 1, 1, 1), pad_value=-1.0
    ),
    "slice": lambda emit, x: op.strided_slice(emit(op.sign(x)), [1], [0], [2]),
    "split": lambda emit, x: emit(op.split(emit(op.sign(x)), 2, 1))[1],
    "concat": lambda emit, x: op.concat([emit(op.sign(x)), emit(op.sign(emit(op.exp(x))))], 1),
    "clipped": lambda emit, x: op.clip(emit(op.multiply(emit(op.sign(x)), TWO)), -1.0, 1.0),
    "ones and their negative": lambda emit, x: op.where(
        positive(emit, x), emit(op.ones_like(x)), emit(op.negative(emit(op.ones_like(x))))
    ),
}

NOT_SIGN_VALUED = {
    "the input": lambda _emit, x: op.negative(x),
    "2 sign": lambda emit, x: op.multiply(emit(op.sign(x)), TWO),
    "sum of two": lambda emit, x: op.add(emit(op.sign(x)), emit(op.sign(x))),
    "residue": lambda emit, x: op.add(emit(op.subtract(emit(op.sign(x)), x)), x),
    "where with floats": lambda emit, x: op.where(positive(emit, x), ONE, x),
    "pad with 2": lambda emit, x: op.nn.pad(
        emit(op.sign(x)), (0, 0, 0, 0, 1, 1, 1, 1), pad_value=2.0
    ),
    "concat with floats": lambda emit, x: op.concat([emit(op.sign(x)), x], 1),
    "average pool": lambda emit, x: op.nn.avg_pool2d(emit(op.sign(x)), (2, 2)),
    "rounded": lambda _emit, x: op.round(x),
    "unsigned": lambda emit, x: op.astype(emit(op.sign(x)), "uint8"),
    "a clipped float": lambda _emit, x: op.clip(x, -1.0, 1.0),
}


@pytest.mark.parametrize("name", SIGN_VALUED)
def test_sign_valued(name):
    assert is_sign_valued(*analyse(SIGN_VALUED[name]))


@pytest.mark.parametrize("name", NOT_SIGN_VALUED)
def test_not_sign_valued(name):
    assert not is_sign_valued(*analyse(NOT_SIGN_VALUED[name]))


def test_constants():
    rng = np.random.default_rng(0)
    assert is_sign_valued(relax.const(rng.choice([-1.0, 0.0, 1.0], 1000).astype("float32")), {})
    assert not is_sign_valued(relax.const(rng.normal(size=1000).astype("float32")), {})
    late = np.ones(1000, "float32")
    late[-1] = 0.5
    assert possible_values(relax.const(late), {}) == {1.0, 0.5}
    assert possible_values(relax.const(np.array([1.0, np.nan], "float32")), {}) is None


def test_arithmetic_rounds_as_the_network_does():
    """sign(x) + c - c: float32 has no room for the sign beside so large a c."""
    large = relax.const(16777218.0, "float32")
    expr = analyse(
        lambda emit, x: op.subtract(emit(op.add(emit(op.sign(x)), large)), emit(op.abs(large)))
    )
    assert possible_values(*expr) == {-2.0, 0.0, 2.0}


def test_an_infinity_has_no_integer():
    infinity = relax.const(np.inf, "float32")
    expr = analyse(
        lambda emit, x: op.astype(emit(op.where(positive(emit, x), infinity, ONE)), "int32")
    )
    assert possible_values(*expr) is None


def test_values_are_exact_not_just_bounded():
    """A comparison times three: few values, but no signs."""
    expr = analyse(
        lambda emit, x: op.multiply(as_number(emit, positive(emit, x)), relax.const(3.0, "float32"))
    )
    assert possible_values(*expr) == {0.0, 3.0}
