"""Straight-through residue goes where a sign stays, and nowhere else."""

import numpy as np
import pytest
import tvm
from tvm import relax
from tvm.ir import assert_structural_equal
from tvm.script import ir as I
from tvm.script import relax as R

from tvm_snn.relay_passes.drop_straight_through import DropStraightThrough

SHAPE = (1, 2, 4, 4)


def module(build):
    """Return a module whose main(x) is what `build(bb, x)` returns."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType(SHAPE, "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            output = builder.emit_output(build(builder, x))
        builder.emit_func_output(output)
    return builder.get()


def cleaned(before):
    tidy = [relax.transform.DeadCodeElimination(), relax.transform.CanonicalizeBindings()]
    return tvm.transform.Sequential([DropStraightThrough(), *tidy])(before)


def soft(bb, x):
    return bb.emit(relax.op.clip(x, -1.0, 1.0))


def test_the_usual_form():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 2, 4, 4), "float32")):
            with R.dataflow():
                hard = R.sign(x)
                soft = R.clip(x, -1.0, 1.0)
                rest = R.subtract(hard, soft)
                gv = R.add(rest, soft)
                R.output(gv)
            return gv

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 2, 4, 4), "float32")):
            with R.dataflow():
                gv = R.sign(x)
                R.output(gv)
            return gv

    assert_structural_equal(cleaned(Before), Expected)


def _rest_first(bb, hard, f):
    return relax.op.add(f, bb.emit(relax.op.subtract(hard, f)))


def _difference_taken_away(bb, hard, f):
    return relax.op.subtract(hard, bb.emit(relax.op.subtract(f, f)))


def _negated(bb, hard, f):
    minus = bb.emit(relax.op.negative(f))
    return relax.op.add(bb.emit(relax.op.add(minus, hard)), f)


def _times_minus_one(bb, hard, f):
    minus = bb.emit(relax.op.multiply(relax.const(-1.0, "float32"), f))
    return relax.op.add(f, bb.emit(relax.op.add(hard, minus)))


def _twice(bb, hard, f):
    """The residue of a residue: binarised again in the next layer's wrapper."""
    once = bb.emit(relax.op.add(bb.emit(relax.op.subtract(hard, f)), f))
    square = bb.emit(relax.op.multiply(f, f))
    return relax.op.add(bb.emit(relax.op.subtract(once, square)), square)


@pytest.mark.parametrize(
    "residue", [_rest_first, _difference_taken_away, _negated, _times_minus_one, _twice]
)
def test_any_order_and_association(residue):
    before = module(lambda bb, x: residue(bb, bb.emit(relax.op.sign(x)), soft(bb, x)))
    expected = module(lambda _bb, x: relax.op.sign(x))
    assert_structural_equal(cleaned(before), expected)


def test_a_sign_that_is_written_as_a_sum():
    """2 * (x >= 0) - 1 is one term, though it is a difference itself."""

    def hard(bb, x):
        positive = bb.emit(relax.op.greater_equal(x, relax.const(0.0, "float32")))
        number = bb.emit(relax.op.astype(positive, "float32"))
        doubled = bb.emit(relax.op.multiply(number, relax.const(2.0, "float32")))
        return relax.op.subtract(doubled, relax.const(1.0, "float32"))

    before = module(lambda bb, x: _rest_first(bb, bb.emit(hard(bb, x)), soft(bb, x)))
    assert_structural_equal(cleaned(before), module(hard))


def test_a_layer_reads_the_sign():
    weight = relax.const(np.ones((3, 2, 3, 3), "float32"))

    def before(bb, x):
        hard, f = bb.emit(relax.op.sign(x)), soft(bb, x)
        binary = bb.emit(relax.op.add(bb.emit(relax.op.subtract(hard, f)), f))
        return relax.op.nn.conv2d(binary, weight)

    expected = module(
        lambda bb, x: relax.op.nn.conv2d(bb.emit(relax.op.sign(x)), weight),
    )
    assert_structural_equal(cleaned(module(before)), expected)


def test_floats_are_never_touched():
    """round(x) - x + x is a quantiser: its rounding is not ours to change."""

    def before(bb, x):
        rounded = bb.emit(relax.op.round(x))
        return relax.op.add(bb.emit(relax.op.subtract(rounded, x)), x)

    unchanged = module(before)
    assert_structural_equal(cleaned(unchanged), unchanged)


def test_levels_lose_their_residue():
    """A rounding between bounds is a k-bit activation, and exact without the residue."""

    def levels(bb, x):
        clipped = bb.emit(relax.op.clip(x, 0.0, 1.0))
        whole = bb.emit(relax.op.round(bb.emit(relax.op.multiply(clipped, relax.const(3.0)))))
        return bb.emit(relax.op.multiply(whole, relax.const(1 / 3))), clipped

    def before(bb, x):
        quantised, clipped = levels(bb, x)
        return relax.op.add(bb.emit(relax.op.subtract(quantised, clipped)), clipped)

    def expected(bb, x):
        return levels(bb, x)[0]

    assert_structural_equal(cleaned(module(before)), cleaned(module(expected)))


def test_terms_that_do_not_cancel_stay():
    def before(bb, x):
        hard, f = bb.emit(relax.op.sign(x)), soft(bb, x)
        other = bb.emit(relax.op.multiply(f, f))
        return relax.op.add(bb.emit(relax.op.subtract(hard, f)), other)

    unchanged = module(before)
    assert_structural_equal(cleaned(unchanged), unchanged)


def test_doubled_and_negated_signs_stay():
    def doubled(bb, x):
        hard, f = bb.emit(relax.op.sign(x)), soft(bb, x)
        rest = bb.emit(relax.op.subtract(bb.emit(relax.op.add(hard, hard)), f))
        return relax.op.add(rest, f)

    unchanged = module(doubled)
    assert_structural_equal(cleaned(unchanged), unchanged)


def test_a_sign_that_the_sum_broadcasts_stays():
    """Only the residue has the full shape, so the sign alone would be too small."""

    def before(bb, x):
        one_channel = bb.emit(relax.op.strided_slice(x, [1], [0], [1]))
        hard = bb.emit(relax.op.sign(one_channel))
        return relax.op.add(bb.emit(relax.op.subtract(hard, x)), x)

    unchanged = module(before)
    assert_structural_equal(cleaned(unchanged), unchanged)
