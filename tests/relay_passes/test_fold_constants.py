"""Constant subgraphs are evaluated, broadcasts of constants are not blown up."""

import numpy as np
from tvm import relax
from tvm.ir import assert_structural_equal
from tvm.script import ir as I
from tvm.script import relax as R

from tvm_snn.relay_passes.fold_constants import FoldConstants

LATENT = np.random.default_rng(1).normal(size=(4, 3, 3, 3)).astype("float32")
WEIGHT = relax.const(LATENT)
BIAS = relax.const(np.arange(4, dtype="float32").reshape(1, 4, 1, 1))


def check(before, expected):
    assert_structural_equal(FoldConstants()(before), expected)


def test_binarised_weight_becomes_a_constant():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 3, 5, 5), "float32")):
            with R.dataflow():
                magnitude = R.abs(WEIGHT)
                scale = R.max(magnitude, axis=[1, 2, 3], keepdims=True)
                signs = R.sign(WEIGHT)
                weight = R.multiply(signs, scale)
                gv = R.nn.conv2d(x, weight)
                R.output(gv)
            return gv

    folded = relax.const(np.sign(LATENT) * np.abs(LATENT).max((1, 2, 3), keepdims=True))

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 3, 5, 5), "float32")):
            with R.dataflow():
                gv = R.nn.conv2d(x, folded)
                R.output(gv)
            return gv

    check(Before, Expected)


def test_tuples_and_shapes_inside_constant_subgraphs():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2, 6), "float32")):
            with R.dataflow():
                rows = R.reshape(WEIGHT, R.shape([6, 18]))
                halves = R.split(rows, 2, axis=1)
                left = halves[0]
                right = halves[1]
                both = R.concat((right, left), axis=1)
                gv = R.matmul(x, both)
                R.output(gv)
            return gv

    rows = LATENT.reshape(6, 18)
    folded = relax.const(np.concatenate([rows[:, 9:], rows[:, :9]], axis=1))

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((2, 6), "float32")):
            with R.dataflow():
                gv = R.matmul(x, folded)
                R.output(gv)
            return gv

    check(Before, Expected)


def test_broadcast_of_a_folded_constant_stays_small():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 4, 32, 32), "float32")):
            with R.dataflow():
                minus = R.negative(BIAS)
                wide = R.broadcast_to(minus, R.shape([1, 4, 32, 32]))
                lv = R.add(x, wide)
                gv = R.concat((lv, wide), axis=1)
                R.output(gv)
            return gv

    negated = relax.const(-np.arange(4, dtype="float32").reshape(1, 4, 1, 1))

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 4, 32, 32), "float32")):
            with R.dataflow():
                wide = R.broadcast_to(negated, R.shape([1, 4, 32, 32]))
                lv = R.add(x, wide)
                gv = R.concat((lv, wide), axis=1)
                R.output(gv)
            return gv

    check(Before, Expected)


def test_broadcast_that_is_a_weight_is_folded():
    one = relax.const(np.float32(1))

    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 64, 8, 8), "float32")):
            with R.dataflow():
                weight = R.broadcast_to(one, R.shape([32, 64, 3, 3]))
                gv = R.nn.conv2d(x, weight)
                R.output(gv)
            return gv

    ones = relax.const(np.ones((32, 64, 3, 3), "float32"))

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 64, 8, 8), "float32")):
            with R.dataflow():
                gv = R.nn.conv2d(x, ones)
                R.output(gv)
            return gv

    check(Before, Expected)


def test_integers_keep_their_dtype():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((4,), "int64")):
            with R.dataflow():
                lv = R.add(R.const(1, "int64"), R.const(2, "int64"))
                gv = R.add(x, lv)
                R.output(gv)
            return gv

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4,), "int64")):
            with R.dataflow():
                gv = R.add(x, R.const(3, "int64"))
                R.output(gv)
            return gv

    check(Before, Expected)


def test_what_depends_on_the_input_stays():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 3, 5, 5), "float32")):
            with R.dataflow():
                lv = R.sign(x)
                pair = R.split(lv, [1], axis=1)
                first = pair[0]
                gv = R.nn.relu(first)
                R.output(gv)
            return gv

    check(Before, Before)


def test_an_output_that_is_constant():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((2,), "float32")):
            with R.dataflow():
                gv = R.add(x, x)
                fixed = R.negative(R.const(np.array([1.0, 2.0], "float32")))
                R.output(gv, fixed)
            return (gv, fixed)

    after = FoldConstants()(Before)
    result = after["main"].body.body
    np.testing.assert_array_equal(result.fields[1].value.numpy(), [-1.0, -2.0])
