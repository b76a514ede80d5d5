import numpy as np
import pytest
import tvm
from tvm import relax

from tests.building import module, tensor
from tvm_snn.frontend.negative_indices import wrap_negative_indices

X = np.arange(2 * 5 * 3, dtype=np.float32).reshape(2, 5, 3)


def take(indices, axis, mode="fast"):
    index = relax.const(np.asarray(indices, np.int64), "int64")
    return module([tensor("x", 2, 5, 3)], lambda b, x: b.emit(relax.op.take(x, index, axis, mode)))


def compiled(source, *arrays):
    machine = relax.VirtualMachine(tvm.compile(source, "llvm"), tvm.cpu())
    return machine["main"](*map(tvm.runtime.tensor, arrays)).numpy()


@pytest.mark.parametrize(
    ("indices", "wrapped", "axis"),
    [([-1, 0, -5], [4, 0, 0], 1), (-2, 0, 0), ([[-3, 2]], [[0, 2]], -1)],
)
def test_constants_are_counted_from_the_start(indices, wrapped, axis):
    after = wrap_negative_indices(take(indices, axis))
    tvm.ir.assert_structural_equal(after, take(wrapped, axis))


def test_nothing_changes_without_negative_indices():
    before = take([0, 4], 1)
    assert wrap_negative_indices(before) is before


def test_modes_that_define_negative_indices_stay():
    before = take([-1, 0], 1, mode="clip")
    assert wrap_negative_indices(before) is before


def test_tvm_then_computes_what_numpy_does():
    indices = [-1, 0, -4]
    result = compiled(wrap_negative_indices(take(indices, 1)), X)
    np.testing.assert_array_equal(result, X[:, indices])


def test_computed_indices_are_compared_with_zero():
    source = module(
        [tensor("x", 2, 5, 3), tensor("i", 4, dtype="int32")],
        lambda b, x, i: b.emit(relax.op.take(x, i, 1)),
    )
    indices = np.array([-1, 0, 3, -5], np.int32)
    result = compiled(wrap_negative_indices(source), X, indices)
    np.testing.assert_array_equal(result, X[:, indices])
