"""The formula read from a network gives what the network computes."""

import numpy as np
import pytest
from tvm import relax

from tests.building import module, named, tensor
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.layers import var_bindings
from tvm_snn.relay_passes.trunk_epilogue import read_readers, trunk_end

SHAPE = (1, 3, 2, 4)
FACTORS = np.array([2, -1, 0.5, 3], np.float32).reshape(1, 1, 1, 4)


def _prelu(builder, x):
    below = builder.emit(relax.op.less(x, relax.const(np.float32(0))))
    scaled = builder.emit(relax.op.multiply(x, relax.const(0.1 * FACTORS)))
    return builder.emit(relax.op.where(below, scaled, x))


ACTIVATIONS = {
    "none": lambda _, x: x,
    "prelu": _prelu,
    "relu": lambda builder, x: builder.emit(relax.op.nn.relu(x)),
    "leaky": lambda builder, x: builder.emit(relax.op.nn.leakyrelu(x, 0.2)),
    "clip": lambda builder, x: builder.emit(relax.op.clip(x, -1.5, 2)),
    "relu6": lambda builder, x: builder.emit(relax.op.nn.relu6(x)),
    "prelu, clip": lambda builder, x: builder.emit(relax.op.clip(_prelu(builder, x), -1, 1)),
}


def _network(activation):
    """(sums * FACTORS - 1) / 2, negated, plus a residual and 1, and an activation."""

    def body(builder, given, residual):
        emit = builder.emit
        sums = named(builder, "sums", relax.op.add(given, relax.const(np.int32(0))))
        x = emit(relax.op.multiply(relax.const(FACTORS), emit(relax.op.astype(sums, "float32"))))
        x = emit(relax.op.subtract(x, relax.const(np.ones((1, 1, 1, 4), np.float32))))
        x = emit(relax.op.negative(emit(relax.op.divide(x, relax.const(2 * np.abs(FACTORS))))))
        x = emit(relax.op.add(residual, x))
        return ACTIVATIONS[activation](builder, x)

    return module([tensor("given", *SHAPE, dtype="int32"), tensor("residual", *SHAPE)], body)


def _end(main):
    bindings = {binding.var: binding.value for binding in var_bindings(main)}
    sums = next(var for var in bindings if var.name == "sums")
    return trunk_end(sums, bindings, read_readers(bindings, main.body.body))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_formula_is_what_the_network_computes(activation) -> None:
    main = _network(activation)["main"]
    rng = np.random.default_rng(0)
    sums = rng.integers(-9, 10, SHAPE).astype(np.int32)
    residual = rng.normal(size=SHAPE).astype(np.float32)

    found = _end(main)

    assert found.var.same_as(list(var_bindings(main))[-1].value)
    formula = found.epilogue
    assert formula.residual.same_as(main.params[1])
    value = formula.scale * sums + formula.bias + residual
    if formula.slope is not None:
        value = np.where(value < 0, formula.slope * value, value)
    value = np.clip(value, formula.low, formula.high)
    np.testing.assert_allclose(evaluate(main, [sums, residual]), value, rtol=1e-5, atol=1e-5)


def test_a_formula_whose_middle_is_read_is_none() -> None:
    def body(builder, given):
        sums = named(builder, "sums", relax.op.add(given, relax.const(np.int32(0))))
        floats = builder.emit(relax.op.astype(sums, "float32"))
        return relax.Tuple([floats, builder.emit(relax.op.nn.relu(floats))])

    main = module([tensor("given", *SHAPE, dtype="int32")], body)["main"]

    assert _end(main) is None
