"""What follows a core is computed in its jobs, and stays right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax
from tvm.relax import op

from tests.schedules.programs import build, lowered, program_module, random_arrays, run, run_all
from tvm_snn.reference import evaluate

TARGETS = st.sampled_from(["host", "llvm -mcpu=haswell", "llvm -mcpu=x86-64"])


def residual(_: relax.BlockBuilder, *inputs: relax.Expr, **attrs: object) -> relax.Expr:
    """relu(conv(x) * scale + y): what a layer of a network looks like."""
    x, weight, scale, y = inputs
    scaled = op.multiply(op.nn.conv2d(x, weight, data_layout="NHWC", **attrs), scale)
    return op.nn.relu(op.add(scaled, y))


def shapes(
    size: tuple[int, int], channels: int, outputs: int, kernel: int, stride: int
) -> list[tuple[int, ...]]:
    result = [(extent - kernel) // stride + 1 for extent in size]
    return [
        (2, *size, channels),
        (outputs, channels, kernel, kernel),
        (outputs,),
        (2, *result, outputs),
    ]


@pytest.mark.slow
@settings(max_examples=15)
@given(
    st.tuples(st.integers(5, 20), st.integers(5, 40)),
    st.sampled_from([1, 3, 16, 40]),
    st.sampled_from([1, 5, 16, 37, 64, 100]),
    st.sampled_from([1, 3]),
    st.integers(1, 2),
    TARGETS,
)
def test_any_shape(
    size: tuple[int, int], channels: int, outputs: int, kernel: int, stride: int, target: str
) -> None:
    def program(builder: relax.BlockBuilder, *inputs: relax.Expr) -> relax.Expr:
        return residual(builder, *inputs, strides=stride)

    sizes = shapes(size, channels, outputs, kernel, stride)
    arrays = random_arrays(sizes)
    found = run(build(program, sizes, target), arrays, target)
    expected = evaluate(program_module(program, sizes)["main"], arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_results_of_a_core_stay_in_a_buffer_of_the_job() -> None:
    sizes = shapes((16, 16), 64, 64, 1, 1)
    module = build(residual, sizes, "llvm -mcpu=skylake-avx512")
    text = module["fused_conv2d_multiply_add_relu"].script()
    assert "result_intermediate_of_job = T.sblock_alloc_buffer" in text
    # The loop over jobs of the core, and none for what follows.
    assert text.count("T.parallel") == 1


def test_what_also_leaves_the_kernel_is_stored_whole() -> None:
    builder = relax.BlockBuilder()
    sizes = shapes((9, 9), 8, 24, 3, 1)
    inputs = [relax.Var(f"x{i}", relax.TensorType(s, "float32")) for i, s in enumerate(sizes)]
    with builder.function("main", inputs):
        with builder.dataflow():
            conv = builder.emit(op.nn.conv2d(inputs[0], inputs[1], data_layout="NHWC"))
            scaled = builder.emit(op.multiply(conv, inputs[2]))
            total = builder.emit(op.add(scaled, inputs[3]))
            sign = builder.emit(op.sign(total))
            output = builder.emit_output(relax.Tuple([scaled, total, sign]))
        builder.emit_func_output(output)
    module = builder.get()
    arrays = random_arrays(sizes)
    expected = evaluate(module["main"], arrays)
    found = run_all(lowered(module), arrays)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
