"""Convolutions by minimal filtering: what the reference gives, and only where they are faster."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tvm import relax
from tvm.relax import op

from tests.schedules.programs import build, program_module, random_arrays, run
from tvm_snn.ops import ConvGeometry
from tvm_snn.reference import evaluate
from tvm_snn.schedules.dense_float.filtered_conv import filtering_of
from tvm_snn.schedules.planes import Convolution, convolution
from tvm_snn.target import features_of, parse_target

Shapes = list[tuple[int, ...]]


def shape_of(attrs: dict, shapes: Shapes) -> Convolution:
    """The convolution of an image NHWC with weights OIHW."""
    (n, height, width, channels), (outputs, _, *kernel) = shapes
    geometry = ConvGeometry.from_attrs({"dilation": (1, 1), "groups": 1, **attrs})
    return convolution((n, channels, height, width), outputs, (kernel[0], kernel[1]), geometry)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[dict, Shapes, str]:
    """Convolutions that minimal filtering computes faster, by its own estimate."""
    integer = st.integers
    stride = draw(integer(1, 3))
    # Three taps or more of the pixels that a stride takes together.
    kernel = (draw(integer(1, 7)), draw(integer(2 * stride + 1, 4 * stride)))
    channels = draw(st.sampled_from([1, 3, 5, 16, 20]))
    attrs = {
        "strides": (draw(integer(1, 2)), stride),
        "padding": tuple(draw(integer(0, 3)) for _ in range(4)),
        "dilation": (draw(integer(1, 2)), 1),
        "data_layout": "NHWC",
    }
    outputs = draw(st.sampled_from([8, 16, 37, 64, 100]))
    size = (draw(integer(13, 17)), draw(integer(kernel[1], 60)))
    shapes = [(draw(integer(1, 2)), *size, channels), (outputs, channels, *kernel)]
    target = draw(st.sampled_from(["host", "llvm -mcpu=haswell", "llvm -mcpu=x86-64"]))
    chosen = filtering_of(shape_of(attrs, shapes), features_of(parse_target(target)))
    assume(chosen is not None)
    return attrs, shapes, target


@pytest.mark.slow
@settings(max_examples=25)
@given(convolutions())
def test_every_geometry(case: tuple[dict, Shapes, str]) -> None:
    attrs, shapes, target = case

    def program(_builder: relax.BlockBuilder, x: relax.Expr, w: relax.Expr) -> relax.Expr:
        return op.nn.conv2d(x, w, **attrs)

    arrays = random_arrays(shapes)
    found = run(build(program, shapes, target), arrays, target)
    expected = evaluate(program_module(program, shapes)["main"], arrays)
    # What verification of whole networks allows.
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("target", ["host", "llvm -mcpu=haswell"])
def test_the_stem_of_resnet(target: str) -> None:
    attrs = {"strides": (2, 2), "padding": (3, 3, 3, 3), "data_layout": "NHWC"}
    shapes: Shapes = [(1, 60, 60, 3), (64, 3, 7, 7)]
    assert filtering_of(shape_of(attrs, shapes), features_of(parse_target(target))) is not None

    def program(_builder: relax.BlockBuilder, x: relax.Expr, w: relax.Expr) -> relax.Expr:
        return op.nn.relu(op.nn.conv2d(x, w, **attrs))

    arrays = random_arrays(shapes)
    found = run(build(program, shapes, target), arrays, target)
    expected = evaluate(program_module(program, shapes)["main"], arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("attrs", "image", "weight"),
    [
        ({"strides": (1, 1)}, (1, 28, 28, 64), (64, 64, 1, 1)),
        ({"strides": (1, 2)}, (1, 28, 28, 64), (64, 64, 3, 3)),
        ({"strides": (1, 1), "dilation": (1, 2)}, (1, 28, 28, 64), (64, 64, 3, 3)),
        ({"strides": (1, 1), "groups": 2}, (1, 28, 28, 64), (64, 32, 3, 3)),
        ({"strides": (1, 1)}, (1, 28, 3, 64), (64, 64, 3, 3)),
        # Transformed, these weights would not stay in the second-level cache.
        ({"strides": (1, 1)}, (1, 14, 14, 256), (256, 256, 3, 3)),
    ],
)
def test_left_to_the_direct_convolution(
    attrs: dict, image: tuple[int, ...], weight: tuple[int, ...]
) -> None:
    conv = shape_of({"padding": (0, 0, 0, 0), "data_layout": "NHWC", **attrs}, [image, weight])
    assert filtering_of(conv, features_of(parse_target("host"))) is None
