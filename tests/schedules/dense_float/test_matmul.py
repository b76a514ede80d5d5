"""Products with matrices of weights: every size gives what the reference interpreter gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax
from tvm.relax import op

from tests.schedules.programs import build, program_module, random_arrays, run
from tvm_snn.reference import evaluate

SIZES = st.sampled_from([1, 2, 7, 16, 33, 70, 131])
TARGETS = st.sampled_from(["host", "llvm -mcpu=haswell", "llvm -mcpu=x86-64"])


def layer(builder: relax.BlockBuilder, *inputs: relax.Expr) -> relax.Expr:
    """What PyTorch's Linear is: x times the transposed weights, plus a bias."""
    x, weight, bias = inputs
    return op.add(op.matmul(x, builder.emit(op.permute_dims(weight))), bias)


@pytest.mark.slow
@settings(max_examples=15)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), SIZES, SIZES, TARGETS)
def test_every_size(leading: list[int], inputs: int, outputs: int, target: str) -> None:
    shapes = [(*leading, inputs), (outputs, inputs), (outputs,)]
    arrays = random_arrays(shapes)
    found = run(build(layer, shapes, target), arrays, target)
    expected = evaluate(program_module(layer, shapes)["main"], arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_weights_are_packed_for_the_kernel() -> None:
    assert "pack_blocks" in build(layer, [(1, 512), (1000, 512), (1000,)]).script()


def test_a_matrix_that_the_network_computes_is_not_packed() -> None:
    def product(builder: relax.BlockBuilder, x: relax.Expr, y: relax.Expr) -> relax.Expr:
        return op.matmul(x, builder.emit(op.matmul(y, y)))

    shapes = [(5, 16), (16, 16)]
    # The product y * y is packed, its result is not.
    text = build(product, shapes).script()
    assert text.count("cls.pack_blocks") == 1
    arrays = random_arrays(shapes)
    found = run(build(product, shapes), arrays)
    np.testing.assert_allclose(found, arrays[0] @ (arrays[1] @ arrays[1]), rtol=1e-4, atol=1e-4)
