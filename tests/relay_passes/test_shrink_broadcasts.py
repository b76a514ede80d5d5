"""Constants keep the smallest form that broadcasting allows."""

import numpy as np
import pytest
from tvm import relax
from tvm.ir import assert_structural_equal
from tvm.script import ir as I
from tvm.script import relax as R

from tvm_snn.relay_passes.shrink_broadcasts import ShrinkBroadcasts, drop_repeats

BIAS = np.arange(3, dtype="float32").reshape(1, 3, 1, 1)
SMALL = relax.const(BIAS)
EXPANDED = relax.const(np.ascontiguousarray(np.broadcast_to(BIAS, (2, 3, 4, 4))))
RANDOM = relax.const(np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype("float32"))


def check(before, expected):
    assert_structural_equal(ShrinkBroadcasts()(before), expected)


def test_full_size_constant_becomes_one_number_a_channel():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 3, 4, 4), "float32")):
            with R.dataflow():
                gv = R.add(x, EXPANDED)
                R.output(gv)
            return gv

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((2, 3, 4, 4), "float32")):
            with R.dataflow():
                gv = R.add(x, SMALL)
                R.output(gv)
            return gv

    check(Before, Expected)


def test_broadcast_feeding_an_elementwise_operator_is_dropped():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 3, 4, 4), "float32")):
            with R.dataflow():
                wide = R.broadcast_to(SMALL, R.shape([2, 3, 4, 4]))
                gv = R.multiply(wide, x)
                R.output(gv)
            return gv

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((2, 3, 4, 4), "float32")):
            with R.dataflow():
                wide = R.broadcast_to(SMALL, R.shape([2, 3, 4, 4]))  # noqa: F841
                gv = R.multiply(SMALL, x)
                R.output(gv)
            return gv

    check(Before, Expected)


def test_where_keeps_its_shape_while_two_arguments_shrink():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 3, 4, 4), "bool")):
            with R.dataflow():
                gv = R.where(x, EXPANDED, EXPANDED)
                R.output(gv)
            return gv

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((2, 3, 4, 4), "bool")):
            with R.dataflow():
                gv = R.where(x, SMALL, SMALL)
                R.output(gv)
            return gv

    check(Before, Expected)


def test_other_users_of_a_broadcast_keep_it():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 3, 4, 4), "float32")):
            with R.dataflow():
                wide = R.broadcast_to(SMALL, R.shape([2, 3, 4, 4]))
                both = R.concat((x, wide), axis=1)
                gv = R.add(x, wide)
                R.output(both, gv)
            return (both, gv)

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((2, 3, 4, 4), "float32")):
            with R.dataflow():
                wide = R.broadcast_to(SMALL, R.shape([2, 3, 4, 4]))
                both = R.concat((x, wide), axis=1)
                gv = R.add(x, SMALL)
                R.output(both, gv)
            return (both, gv)

    check(Before, Expected)


def test_nothing_changes_where_the_result_would_shrink():
    """x itself is small: the expanded constant gives the result its shape."""

    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 3, 1, 1), "float32")):
            with R.dataflow():
                wide = R.broadcast_to(SMALL, R.shape([2, 3, 4, 4]))
                lv = R.add(x, wide)
                gv = R.add(lv, R.add(x, EXPANDED))
                R.output(gv)
            return gv

    check(Before, Before)


def test_nothing_changes_for_constants_that_do_not_repeat_and_other_operators():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 3, 4, 4), "float32")):
            with R.dataflow():
                lv = R.add(x, RANDOM)
                lv1 = R.concat((lv, EXPANDED), axis=1)
                gv = R.nn.conv2d(lv1, R.const(np.ones((6, 6, 1, 1), "float32")))
                R.output(gv)
            return gv

    check(Before, Before)


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (np.ones((2, 3, 4), "float32"), (1, 1, 1)),
        (np.arange(4, dtype="int64"), (4,)),
        (np.full((3, 2), np.nan, "float32"), (1, 1)),
        (np.array([0.0, -0.0], "float32"), (2,)),
        (np.array([[True, False]] * 3), (1, 2)),
        (np.array(3.0), ()),
    ],
)
def test_drop_repeats(array, shape):
    small = drop_repeats(array)
    assert small.shape == shape
    np.testing.assert_array_equal(np.broadcast_to(small, array.shape), array)
