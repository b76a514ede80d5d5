"""Float convolutions: every geometry gives what the reference interpreter gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax
from tvm.relax import op

from tests.schedules.kernels import Case, random_data, random_signs
from tests.schedules.kernels import run as run_case
from tests.schedules.programs import build, program_module, random_arrays, run
from tvm_snn.ops.packed_signs import pack
from tvm_snn.reference import evaluate
from tvm_snn.schedules.dense_float.blocking import KNOBS
from tvm_snn.target import parse_target

TARGETS = st.sampled_from(["host", "llvm -mcpu=haswell", "llvm -mcpu=x86-64"])


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[dict, list[tuple[int, ...]]]:
    """The attributes of a convolution, and the shapes of its data and weights."""
    integer = st.integers
    groups = draw(st.sampled_from([1, 1, 2, 5]))
    channels = draw(st.sampled_from([1, 2, 3, 16, 40]))
    outputs = draw(st.sampled_from([1, 2, 5, 16, 37, 48, 100]))
    if draw(st.integers(0, 4)) == 0:
        # Depthwise.
        groups, channels, outputs = draw(st.sampled_from([3, 16, 40, 70])), 1, draw(integer(1, 2))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (7, 7), (2, 5)]))
    attrs = {
        "strides": (draw(integer(1, 2)), draw(integer(1, 3))),
        "padding": tuple(draw(integer(0, 3)) for _ in range(4)),
        "dilation": (draw(integer(1, 2)), draw(integer(1, 2))),
        "groups": groups,
        "data_layout": draw(st.sampled_from(["NCHW", "NHWC", "NHWC"])),
        "kernel_layout": draw(st.sampled_from(["OIHW", "OHWI", "HWIO"])),
    }
    if draw(st.booleans()):
        kernel = (1, 1)
        attrs |= {"strides": (1, 1), "padding": (0, 0, 0, 0)}
    height, width = draw(integer(13, 17)), draw(integer(13, 40))
    data = {"N": 2, "C": groups * channels, "H": height, "W": width}
    weight = {"O": groups * outputs, "I": channels, "H": kernel[0], "W": kernel[1]}
    shapes = [
        tuple(data[axis] for axis in attrs["data_layout"]),
        tuple(weight[axis] for axis in attrs["kernel_layout"]),
    ]
    return attrs, shapes


@pytest.mark.slow
@settings(max_examples=30)
@given(convolutions(), TARGETS)
def test_every_geometry(case: tuple[dict, list[tuple[int, ...]]], target: str) -> None:
    attrs, shapes = case

    def program(_builder: relax.BlockBuilder, x: relax.Expr, w: relax.Expr) -> relax.Expr:
        return op.nn.conv2d(x, w, **attrs)

    arrays = random_arrays(shapes)
    found = run(build(program, shapes, target), arrays, target)
    expected = evaluate(program_module(program, shapes)["main"], arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("vectors", KNOBS["vectors"])
@pytest.mark.parametrize(("pixels", "chunk_kib"), [(4, 32), (28, 32), (10, 1024)])
@pytest.mark.parametrize("target", ["host", "llvm -mcpu=haswell"])
def test_every_knob_keeps_the_result(
    vectors: int, pixels: int, chunk_kib: int, target: str
) -> None:
    generator = np.random.default_rng(0)
    case = Case(
        "snn.binary_conv2d",
        (
            random_data(generator, (1, 9, 7, 100), "float32"),
            random_signs(generator, (70, 100, 3, 3)),
        ),
        {
            "strides": [1, 1],
            "padding": [1, 1, 1, 1],
            "dilation": [1, 1],
            "groups": 1,
            "data_layout": "NHWC",
            "strategy": "decoded_dense",
            "config": {"vectors": vectors, "pixels": pixels, "chunk_kib": chunk_kib},
        },
    )
    found = run_case(case, parse_target(target))
    np.testing.assert_allclose(found, case.expected(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("groups", [1, 2, 70])
def test_signs_make_exact_integers(layout: str, groups: int) -> None:
    generator = np.random.default_rng(0)
    signs = random_data(generator, (2, 9, 7, 70), "int8")
    weight = random_signs(generator, (140, 70 // groups, 3, 3))
    attrs = {
        "strides": [2, 1],
        "padding": [1, 0, 2, 1],
        "dilation": [1, 1],
        "groups": groups,
        "data_layout": layout,
        "strategy": "decoded_dense",
    }
    data = signs if layout == "NHWC" else np.ascontiguousarray(signs.transpose(0, 3, 1, 2))
    forms = [data, pack(signs, groups)] if layout == "NHWC" else [data]
    for form in forms:
        case = Case("snn.binary_conv2d", (form, weight), attrs)
        found = run_case(case, parse_target("host"))
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, case.expected())
