"""Thresholds give the signs of the float epilogue for every sum, through the ALU's arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tvm import relax

from tests.building import module, named, tensor
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.layers import var_bindings
from tvm_snn.relay_passes.sign_thresholds import elementwise_between, find_thresholds
from tvm_snn.target.vta.isa.encoding import instruction
from tvm_snn.target.vta.isa.instruction_set import ALU, Vector
from tvm_snn.target.vta.packing import pack_parameters
from tvm_snn.target.vta.simulator.epilogue import Parameters, activations, finish

CHANNELS, LARGEST = 6, 40


def _prelu(builder, x, slope):
    negative = builder.emit(relax.op.multiply(x, slope))
    positive = builder.emit(relax.op.greater(x, relax.const(0.0)))
    return builder.emit(relax.op.where(positive, x, negative))


def _function(scale, bias, activation, slope=None):
    """Return int32 sums -> int8 signs of an epilogue, and the variables from sums to signs."""

    def body(builder, given):
        sums = named(builder, "sums", relax.op.add(given, relax.const(np.int32(0))))
        x = builder.emit(relax.op.astype(sums, "float32"))
        x = builder.emit(relax.op.add(builder.emit(relax.op.multiply(x, scale)), bias))
        if activation == "prelu":
            x = _prelu(builder, x, slope)
        elif activation == "hardtanh":
            x = builder.emit(relax.op.clip(x, -1, 1))
        elif activation == "relu":
            x = builder.emit(relax.op.nn.relu(x))
        elif activation == "square":
            x = builder.emit(relax.op.subtract(builder.emit(relax.op.square(x)), relax.const(1.0)))
        return relax.op.astype(builder.emit(relax.op.sign(x)), "int8")

    given = tensor("given", 1, 1, 2 * LARGEST + 1, CHANNELS, dtype="int32")
    main = module([given], body)["main"]
    bindings = {binding.var: binding.value for binding in var_bindings(main)}
    return main, bindings


def _found(bindings):
    source = next(var for var in bindings if var.name == "sums")
    last = list(bindings)[-1]
    order = elementwise_between(source, last, bindings)
    assert order is not None
    return find_thresholds(source, order, bindings, LARGEST)


def _by_channel(values):
    return relax.const(np.asarray(values, np.float32).reshape(1, 1, 1, -1))


floats = st.floats(-4, 4, width=32)
grid = st.integers(-8, 8).map(lambda n: n / 4)
channels = st.lists(st.one_of(floats, grid), min_size=CHANNELS, max_size=CHANNELS)


@given(
    scale=channels,
    bias=st.lists(st.one_of(grid, st.floats(-200, 200, width=32)), min_size=6, max_size=6),
    slope=st.lists(st.sampled_from((0.0, 0.25, 1.0)), min_size=6, max_size=6),
    activation=st.sampled_from(("none", "prelu", "hardtanh", "relu")),
)
def test_signs_are_those_of_the_float_epilogue(scale, bias, slope, activation):
    main, bindings = _function(*map(_by_channel, (scale, bias)), activation, _by_channel(slope))
    sums = np.arange(-LARGEST, LARGEST + 1, dtype=np.int32)
    image = np.repeat(sums[None, None, :, None], CHANNELS, axis=3)
    want = evaluate(main, [image])[0, 0]

    found = _found(bindings)

    if isinstance(found, str):
        # Only a zero that is wider than one sum, with signs on both sides, has no threshold.
        zeros = (want == 0).sum(axis=0)
        assert (zeros[(want > 0).any(axis=0) & (want < 0).any(axis=0)] > 1).any()
        return
    lines = pack_parameters(CHANNELS, **found.parameters).reshape(CHANNELS, -1)
    alu = instruction(ALU, tiles=1, groups=1, affine=1, clip=found.clip, vector=Vector.SIGN)
    parameters = Parameters.of(lines)
    values = finish(image[0, 0].T, np.zeros((), np.int64), parameters, alu)
    assert np.array_equal(activations(values, parameters, alu, 2).T, want)


def test_what_rises_and_falls_has_no_threshold():
    _, bindings = _function(_by_channel([0.5] * 6), _by_channel([0] * 6), "square")

    assert "neither rises nor falls" in _found(bindings)


@pytest.mark.parametrize("shape", [(1, 1, 81, 6), (81, 1)])
def test_what_differs_between_pixels_is_no_epilogue(shape):
    by_pixel = relax.const(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    _, bindings = _function(_by_channel([1] * 6), by_pixel, "none")
    variables = list(bindings)

    assert elementwise_between(variables[0], variables[-1], bindings) is None
