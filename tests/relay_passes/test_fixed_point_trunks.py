"""Before and after: a residual trunk becomes 16-bit integers, its signs those of the integers."""

import numpy as np
import pytest
import tvm
from tvm import relax

from tests.building import module, named, tensor
from tvm_snn.ops import ConvGeometry, fixed_point_trunk, subset_conv2d
from tvm_snn.relay_passes.fixed_point_trunks import fixed_point_trunks
from tvm_snn.target.vta.configuration import load_configuration

TINY = load_configuration("tiny")
SHAPE = (1, 4, 4, 8)
PARAMS = [tensor("image", *SHAPE, dtype="int8"), tensor("shortcut", *SHAPE)]
SAMPLES = [np.zeros(SHAPE, np.int8), np.full(SHAPE, 3, np.float32)]


def _conv(data, **attrs):
    """A layer whose weights are all 1."""
    subset = relax.const(np.ones((2, 1, 3, 3), np.int8))
    indices = relax.const(np.zeros((8, 8), np.uint8))
    geometry = ConvGeometry(padding=(1, 1, 1, 1), data_layout="NHWC").attrs()
    return subset_conv2d(data, subset, indices, **geometry, strategy="", **attrs)


def _by_channel(number, dtype="float32"):
    return relax.const(np.full((1, 1, 1, 8), number, dtype))


def _with_residuals(builder, image, shortcut):
    """Two layers: one adds what the processor made, the next one what the first one made."""
    emit = builder.emit
    first = emit(relax.op.astype(named(builder, "first", _conv(image)), "float32"))
    trunk = emit(relax.op.add(emit(relax.op.multiply(first, _by_channel(0.5))), shortcut))
    sign = emit(relax.op.sign(emit(relax.op.add(trunk, _by_channel(0.25)))))
    second = named(builder, "second", _conv(emit(relax.op.astype(sign, "int8"))))
    return emit(relax.op.add(emit(relax.op.astype(second, "float32")), trunk))


def _trunk(sums, residual, shift):
    """Scale 1 or 1/2, both 2^14 after their shifts; no bias, slope 1, the bounds of 16 bits."""
    numbers = [(1 << 14, "int16"), (0, "int32"), (1 << 14, "int16")]
    numbers += [(-(1 << 15), "int16"), ((1 << 15) - 1, "int16")]
    parameters = [relax.const(np.full(8, number, dtype)) for number, dtype in numbers]
    return fixed_point_trunk(sums, *parameters, residual, shift=shift)


def test_a_trunk_stays_in_integers() -> None:
    """On the samples it reaches 3 + 72: four times that leaves 6 bits of fraction."""

    def expected(builder, image, shortcut):
        emit = builder.emit
        first = named(builder, "first", _conv(image))
        steps = emit(relax.op.multiply(shortcut, relax.const(np.float32(64))))
        whole = emit(relax.op.floor(emit(relax.op.add(steps, relax.const(np.float32(0.5))))))
        inside = emit(relax.op.clip(whole, -(1 << 15), (1 << 15) - 1))
        trunk = emit(_trunk(first, emit(relax.op.astype(inside, "int16")), shift=9))
        wide = emit(relax.op.astype(trunk, "int32"))
        above = emit(relax.op.subtract(wide, _by_channel(-16, "int32")))
        signs = emit(relax.op.astype(emit(relax.op.sign(above)), "int8"))
        second = named(builder, "second", _conv(signs))
        result = emit(relax.op.astype(emit(_trunk(second, trunk, shift=8)), "float32"))
        return emit(relax.op.multiply(result, relax.const(np.float32(1 / 64))))

    found = fixed_point_trunks(module(PARAMS, _with_residuals), TINY, SAMPLES)

    tvm.ir.assert_structural_equal(found.module, module(PARAMS, expected), map_free_vars=True)
    assert found.fractions == {"first": 6, "second": 6}


def test_larger_samples_leave_fewer_bits() -> None:
    large = [SAMPLES[0], np.full(SHAPE, 300, np.float32)]

    found = fixed_point_trunks(module(PARAMS, _with_residuals), TINY, large)

    assert found.fractions == {"first": 4, "second": 4}


def _without_residual(builder, image, shortcut):
    sums = builder.emit(relax.op.astype(named(builder, "layer", _conv(image)), "float32"))
    return relax.Tuple([builder.emit(relax.op.multiply(sums, _by_channel(0.5))), shortcut])


def _wider_than_a_channel(builder, image, shortcut):
    """Factors that differ from pixel to pixel are none that the ALU has."""
    sums = builder.emit(relax.op.astype(named(builder, "layer", _conv(image)), "float32"))
    factors = relax.const(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32))
    return builder.emit(relax.op.add(builder.emit(relax.op.multiply(sums, factors)), shortcut))


@pytest.mark.parametrize("body", [_without_residual, _wider_than_a_channel])
def test_what_is_no_trunk_stays(body) -> None:
    before = module(PARAMS, body)

    found = fixed_point_trunks(before, TINY, SAMPLES)

    assert found.fractions == {}
    tvm.ir.assert_structural_equal(found.module, before)


def test_sums_of_levels_stay_in_floats() -> None:
    def body(builder, image, shortcut):
        levels = builder.emit(relax.op.astype(image, "uint8"))
        sums = named(builder, "layer", _conv(levels, top_level=3))
        return builder.emit(relax.op.add(builder.emit(relax.op.astype(sums, "float32")), shortcut))

    before = module(PARAMS, body)

    assert fixed_point_trunks(before, TINY, SAMPLES).module.same_as(before)
