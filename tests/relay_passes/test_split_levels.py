"""Before and after: binary convolutions of few-bit levels read images of bits."""

import numpy as np
import pytest
import tvm
from tvm import relax

from tests.building import module, named, tensor
from tvm_snn.ops import ConvGeometry, binary_conv2d, subset_conv2d
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.lay_out import lay_out
from tvm_snn.relay_passes.layers import operator_name
from tvm_snn.relay_passes.split_levels import SplitLevels

CONV = binary_conv2d.name
ATTRS = ConvGeometry(padding=(1, 1, 1, 1), data_layout="NHWC").attrs()
WEIGHTS = [
    relax.const(np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), (5, 16, 3, 3)))
    for seed in (0, 1)
]


def convolutions(top: int):
    """Two layers that read the same levels."""

    def body(builder, x):
        sums = [
            named(
                builder,
                f"layer{i}.conv",
                binary_conv2d(x, weight, **ATTRS, top_level=top, strategy=""),
            )
            for i, weight in enumerate(WEIGHTS)
        ]
        return builder.emit(relax.op.add(*sums))

    return module([tensor("x", 2, 6, 7, 16, dtype="uint8")], body)


def test_bits_become_images_and_their_sums_are_weighted() -> None:
    def expected(builder, x):
        one = relax.const(1, "uint8")
        low = builder.emit(relax.op.astype(builder.emit(relax.op.bitwise_and(x, one)), "int8"))
        moved = builder.emit(relax.op.right_shift(x, one))
        high = builder.emit(relax.op.astype(builder.emit(relax.op.bitwise_and(moved, one)), "int8"))
        bits = builder.emit(relax.op.concat([low, high], 0))
        sums = []
        for i, weight in enumerate(WEIGHTS):
            both = named(
                builder, f"layer{i}.conv", binary_conv2d(bits, weight, **ATTRS, strategy="")
            )
            first = builder.emit(relax.op.strided_slice(both, [0], [0], [2]))
            second = builder.emit(relax.op.strided_slice(both, [0], [2], [4]))
            twice = builder.emit(relax.op.multiply(second, relax.const(2, "int32")))
            sums.append(builder.emit(relax.op.add(first, twice)))
        return builder.emit(relax.op.add(*sums))

    found = SplitLevels()(convolutions(3))
    params = [tensor("x", 2, 6, 7, 16, dtype="uint8")]
    tvm.ir.assert_structural_equal(found, module(params, expected))
    names = [str(b.var.name) for block in found["main"].body.blocks for b in block.bindings]
    assert {"layer0.conv", "layer1.conv"} <= set(names)


@pytest.mark.parametrize("top", [1, 2, 3, 5, 7])
def test_the_sums_are_the_same(top: int) -> None:
    before = convolutions(top)
    data = np.random.default_rng(top).integers(0, top + 1, (2, 6, 7, 16)).astype(np.uint8)
    expected = evaluate(before["main"], [data])
    np.testing.assert_array_equal(evaluate(SplitLevels()(before)["main"], [data]), expected)


def test_many_bits_and_sub_bit_layers_stay() -> None:
    many = convolutions(15)
    tvm.ir.assert_structural_equal(SplitLevels()(many), many)

    def body(builder, x):
        subset = relax.const(np.ones((2, 1, 3, 3), np.int8))
        indices = relax.const(np.zeros((4, 16), np.uint8))
        call = subset_conv2d(x, subset, indices, **ATTRS, top_level=3, strategy="")
        return builder.emit(call)

    sub_bit = module([tensor("x", 2, 6, 7, 16, dtype="uint8")], body)
    tvm.ir.assert_structural_equal(SplitLevels()(sub_bit), sub_bit)


def test_levels_are_not_split_where_they_are_multiplied_faster() -> None:
    read = [
        lay_out(convolutions(3), split_levels=split)["main"].body.blocks[0].bindings
        for split in (True, False)
    ]
    dtypes = [
        {str(b.value.args[0].ty.dtype) for b in bindings if operator_name(b.value) == CONV}
        for bindings in read
    ]
    assert dtypes == [{"uint64"}, {"uint8"}]
