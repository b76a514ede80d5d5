"""Before and after: parts of a split tensor read by slices."""

import numpy as np
import pytest
import tvm
from tvm import relax

from tests.building import module, tensor
from tvm_snn.reference import evaluate
from tvm_snn.relay_passes.slice_splits import SliceSplits

_X = tensor("x", 2, 7, 3, 3)


def _split(sections, axis):
    def body(builder, x):
        parts = builder.emit(relax.op.split(x, sections, axis))
        first, last = (builder.emit(relax.TupleGetItem(parts, i)) for i in (0, 2))
        sums = [builder.emit(relax.op.sum(part)) for part in (first, last)]
        return builder.emit(relax.op.subtract(*sums))

    return module([_X], body)


def _sliced(axis, first, last):
    def body(builder, x):
        parts = [
            builder.emit(relax.op.strided_slice(x, [axis], [start], [end]))
            for start, end in (first, last)
        ]
        sums = [builder.emit(relax.op.sum(part)) for part in parts]
        return builder.emit(relax.op.subtract(*sums))

    return module([_X], body)


@pytest.mark.parametrize(
    ("sections", "first", "last"),
    [([2, 3], (0, 2), (3, 7)), (3, (0, 3), (6, 7)), ([1, 6], (0, 1), (6, 7))],
)
def test_parts_become_slices(sections, first, last) -> None:
    before, expected = _split(sections, 1), _sliced(1, first, last)
    after = SliceSplits()(before)
    tvm.ir.assert_structural_equal(after, expected)
    x = np.random.default_rng(0).standard_normal((2, 7, 3, 3)).astype(np.float32)
    np.testing.assert_array_equal(evaluate(after["main"], [x]), evaluate(before["main"], [x]))


def test_a_split_that_is_handed_on_whole_stays() -> None:
    def before(builder, x):
        return builder.emit(relax.op.split(x, [2, 3], 1))

    kept = module([_X], before)
    tvm.ir.assert_structural_equal(SliceSplits()(kept), kept)
