"""Uniform activations are told from other floats, however they are spelled."""

import numpy as np
import pytest
from tvm import relax
from tvm.relax import op

from tests.relay_passes.test_sign_values import analyse
from tvm_snn.relay_passes.level_values import Levels, find_levels, whole_numbers


def number(value: float) -> relax.Expr:
    return relax.const(np.float32(value))


def levels(emit, x, top=3, step=0.5):
    """round(clip(x, 0, top * step) / step) * step."""
    clipped = emit(op.clip(x, 0.0, top * step))
    whole = emit(op.round(emit(op.multiply(clipped, number(1 / step)))))
    return emit(op.multiply(whole, number(step)))


def least(emit, x, low, high):
    return emit(op.minimum(emit(op.maximum(x, number(low))), number(high)))


TWO_BITS = {
    "clipped, then rounded": levels,
    "by maximum and minimum": lambda emit, x: op.multiply(
        emit(op.round(emit(op.multiply(least(emit, x, 0, 1.5), number(2))))), number(0.5)
    ),
    "rounded, then clipped": lambda emit, x: op.multiply(
        emit(op.clip(emit(op.round(emit(op.divide(x, number(0.5))))), 0.0, 3.0)), number(0.5)
    ),
    "clipped between multiples": lambda emit, x: op.clip(
        emit(op.multiply(emit(op.round(x)), number(0.5))), 0.0, 1.5
    ),
    "divided": lambda emit, x: op.divide(
        emit(op.round(emit(op.divide(emit(op.clip(x, 0.0, 1.5)), number(0.5))))), number(2)
    ),
    "floor of a half more": lambda emit, x: op.multiply(
        emit(op.floor(emit(op.add(emit(op.clip(x, 0.0, 3.0)), number(0.5))))), number(0.5)
    ),
    "ReLU and a bound": lambda emit, x: op.minimum(
        emit(op.nn.relu(emit(op.multiply(emit(op.round(x)), number(0.5))))), number(1.5)
    ),
    "max pool": lambda emit, x: op.nn.max_pool2d(levels(emit, x), (2, 2), padding=1),
    "padded with 0": lambda emit, x: op.nn.pad(levels(emit, x), (0, 0, 0, 0, 1, 1, 1, 1)),
    "reshape": lambda emit, x: op.reshape(levels(emit, x), (4, 36)),
    "concat": lambda emit, x: op.concat([levels(emit, x), levels(emit, emit(op.exp(x)))], 1),
}
OTHERS = {
    "the input": lambda _emit, x: op.negative(x),
    "no lower bound": lambda emit, x: op.minimum(emit(op.round(x)), number(3)),
    "no upper bound": lambda emit, x: op.nn.relu(emit(op.round(x))),
    "signed": lambda emit, x: op.clip(emit(op.round(x)), -2.0, 1.0),
    "not rounded": lambda _emit, x: op.clip(x, 0.0, 3.0),
    "clipped between levels": lambda emit, x: op.clip(emit(op.round(x)), 0.0, 2.5),
    "more than 8 bits": lambda emit, x: op.round(emit(op.clip(x, 0.0, 256.0))),
    "shifted": lambda emit, x: op.add(levels(emit, x), number(0.25)),
    "padded with 1": lambda emit, x: op.nn.pad(
        levels(emit, x), (0, 0, 0, 0, 1, 1, 1, 1), pad_value=1.0
    ),
    "of two steps": lambda emit, x: op.concat([levels(emit, x), levels(emit, x, step=0.25)], 1),
    "a sum": lambda emit, x: op.add(levels(emit, x), x),
    "a step for each channel": lambda emit, x: op.multiply(
        emit(op.round(emit(op.clip(x, 0.0, 3.0)))),
        relax.const(np.array([1, 2, 3, 4], np.float32).reshape(1, 4, 1, 1)),
    ),
    "average pool": lambda emit, x: op.nn.avg_pool2d(levels(emit, x), (2, 2)),
}


@pytest.mark.parametrize("name", TWO_BITS)
def test_two_bits(name):
    found = find_levels(*analyse(TWO_BITS[name]))
    assert found == Levels(0.5, 3)
    assert found.bits == 2


@pytest.mark.parametrize("name", OTHERS)
def test_no_levels(name):
    assert find_levels(*analyse(OTHERS[name])) is None


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("top", [0.1, 1.0, 2.7])
def test_steps_that_are_no_binary_fractions(bits, top):
    """`UniformActivation` in float32: top / steps * steps is not quite top."""
    count = 2**bits - 1

    def activation(emit, x):
        clipped = emit(op.clip(x, 0.0, top))
        whole = emit(op.round(emit(op.multiply(clipped, number(count / top)))))
        return op.multiply(whole, number(top / count))

    found = find_levels(*analyse(activation))
    assert found.top == count
    assert found.bits == bits
    assert found.step == np.float32(top / count)


def test_whole_numbers_are_those_before_the_step():
    def activation(emit, x):
        return op.multiply(emit(op.round(emit(op.clip(x, 0.0, 3.0)))), number(0.5))

    expr, bindings = analyse(activation)
    whole = whole_numbers(expr, find_levels(expr, bindings), bindings)
    assert bindings[whole].op.name == "relax.round"
    pooled, bindings = analyse(TWO_BITS["max pool"])
    assert whole_numbers(pooled, find_levels(pooled, bindings), bindings) is None
