"""Before and after: convolutions of one image that become one."""

import numpy as np
import pytest
import tvm
from tvm import relax

from tests.building import module, named, tensor
from tvm_snn.ops import ConvGeometry, binary_conv2d, subset_conv2d
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.layers import operator_name, var_bindings
from tvm_snn.relay_passes.merge_branches import MOST_OUTPUTS, MergeBranches, merged_layers

_RANDOM = np.random.default_rng(0)
_PADDED = ConvGeometry(padding=(1, 1, 1, 1)).attrs()
_X = tensor("x", 1, 6, 5, 5, dtype="int8")
_SUBSET = _RANDOM.choice(np.array([-1, 1], np.int8), (4, 1, 3, 3))


def _signs(outputs: int) -> np.ndarray:
    return _RANDOM.choice(np.array([-1, 1], np.int8), (outputs, 6, 3, 3))


def _binary(data, weights, **attrs):
    return binary_conv2d(data, relax.const(weights), **{**_PADDED, **attrs}, strategy="")


def _sub_bit(data, indices, subset=_SUBSET):
    arrays = map(relax.const, (subset, indices))
    return subset_conv2d(data, *arrays, **_PADDED, strategy="")


def _concatenated(builder, parts):
    return builder.emit(relax.op.concat(parts, 1))


def _convolutions(mod: tvm.IRModule) -> int:
    names = [operator_name(binding.value) for binding in var_bindings(mod["main"])]
    return sum(name.endswith("conv2d") for name in names)


def test_binary_convolutions_of_one_image_become_one() -> None:
    first, second = _signs(3), _signs(MOST_OUTPUTS)

    def before(builder, x):
        parts = [named(builder, "a.conv", _binary(x, first))]
        parts.append(named(builder, "b.conv", _binary(x, second)))
        return _concatenated(builder, parts[::-1])

    def expected(builder, x):
        wide = builder.emit(_binary(x, np.concatenate([first, second])))
        bounds = ((0, 3), (3, 3 + MOST_OUTPUTS))
        parts = [
            named(builder, name, relax.op.strided_slice(wide, [1], [start], [end]))
            for name, (start, end) in zip(("a.conv", "b.conv"), bounds, strict=True)
        ]
        return _concatenated(builder, parts[::-1])

    mod = module([_X], before)
    after = MergeBranches()(mod)
    tvm.ir.assert_structural_equal(after, module([_X], expected))
    assert list(merged_layers(after, {"a.conv", "b.conv"}).values()) == [("a.conv", "b.conv")]
    assert merged_layers(after, {"others"}) == {}
    x = _RANDOM.integers(-1, 2, (1, 6, 5, 5)).astype(np.int8)
    np.testing.assert_array_equal(evaluate(after["main"], [x]), evaluate(mod["main"], [x]))


def test_sub_bit_convolutions_of_one_subset_become_one() -> None:
    own = [_RANDOM.integers(0, 4, (n, 6)).astype(np.uint8) for n in (2, 4, 3)]

    def before(builder, x):
        return _concatenated(builder, [builder.emit(_sub_bit(x, indices)) for indices in own])

    def expected(builder, x):
        wide = builder.emit(_sub_bit(x, np.concatenate(own)))
        bounds = ((0, 2), (2, 6), (6, 9))
        parts = [
            builder.emit(relax.op.strided_slice(wide, [1], [start], [end])) for start, end in bounds
        ]
        return _concatenated(builder, parts)

    mod = module([_X], before)
    after = MergeBranches()(mod)
    tvm.ir.assert_structural_equal(after, module([_X], expected))
    x = _RANDOM.integers(-1, 2, (1, 6, 5, 5)).astype(np.int8)
    np.testing.assert_array_equal(evaluate(after["main"], [x]), evaluate(mod["main"], [x]))


def _another_image(builder, x):
    image = builder.emit(relax.op.negative(x))
    return [_binary(x, _signs(3)), _binary(image, _signs(3))]


def _another_stride(_builder, x):
    # Of the same size, with the padding that makes it so.
    rows = ConvGeometry(strides=(2, 2), padding=(3, 3, 4, 4)).attrs()
    return [_binary(x, _signs(3)), _binary(x, _signs(3), **rows)]


def _wide(_builder, x):
    return [_binary(x, _signs(MOST_OUTPUTS)), _binary(x, _signs(MOST_OUTPUTS + 1))]


def _another_subset(_builder, x):
    indices = np.zeros((2, 6), np.uint8)
    return [_sub_bit(x, indices), _sub_bit(x, indices, -_SUBSET)]


def _floats(builder, x):
    image = builder.emit(relax.op.astype(x, "float32"))
    return [_binary(image, _signs(3)), _binary(image, _signs(3))]


@pytest.mark.parametrize(
    "calls", [_another_image, _another_stride, _wide, _another_subset, _floats]
)
def test_others_stay_apart(calls) -> None:
    def body(builder, x):
        return _concatenated(builder, [builder.emit(call) for call in calls(builder, x)])

    mod = module([_X], body)
    after = MergeBranches()(mod)
    assert _convolutions(after) == 2
    tvm.ir.assert_structural_equal(after, mod)
