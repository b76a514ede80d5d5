"""Image resizing against onnxruntime, and every mode against TVM's own."""

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

from tests.tvm_snn.reference.reference_tools import compile_and_run, compute
from tvm_snn.reference import evaluate

SIZES = [((5, 7), (10, 14)), ((8, 6), (5, 9)), ((4, 5), (4, 2))]
NEAREST = [
    ("nearest", mode, rounding)
    for mode, rounding in itertools.product(
        ["half_pixel", "align_corners", "asymmetric"],
        ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
    )
]
SMOOTH = [
    (method, mode, "round_prefer_floor")
    for method, mode in itertools.product(
        ["linear", "cubic"],
        ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"],
    )
]


def resize_model(size, target, **attributes) -> onnx.ModelProto:
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], **attributes)
    sizes = helper.make_tensor("sizes", onnx.TensorProto.INT64, [4], [2, 3, *target])
    graph = helper.make_graph(
        [node],
        "resize",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 3, *size])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 3, *target])],
        [sizes],
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


@pytest.mark.parametrize(("size", "target"), SIZES)
@pytest.mark.parametrize(("method", "mode", "rounding"), NEAREST + SMOOTH)
def test_resize(method, mode, rounding, size, target):
    x = np.random.default_rng(0).standard_normal((2, 3, *size)).astype(np.float32)
    model = resize_model(
        size, target, mode=method, coordinate_transformation_mode=mode, nearest_mode=rounding
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = session.run(None, {"x": x})[0]
    result = evaluate(from_onnx(model)["main"], [x])
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_cubic_without_the_outside():
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4)).astype(np.float32)
    model = resize_model((5, 4), (9, 7), mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    np.testing.assert_allclose(evaluate(from_onnx(model)["main"], [x]), expected, atol=1e-5)


@pytest.mark.parametrize("method", ["nearest_neighbor", "linear", "cubic"])
@pytest.mark.parametrize("mode", ["tf_half_pixel_for_nn", "tf_crop_and_resize"])
def test_modes_that_only_tvm_has(method, mode):
    x = np.random.default_rng(0).standard_normal((1, 6, 5, 2)).astype(np.float32)

    def resize(a):
        return relax.op.image.resize2d(
            a,
            (4, 9),
            roi=(0.1, 0.2, 1.2, 0.9),
            layout="NHWC",
            method=method,
            coordinate_transformation_mode=mode,
            rounding_method="round",
            extrapolation_value=7.0,
        )

    np.testing.assert_allclose(compute(resize, x), compile_and_run(resize, x), atol=1e-5)


def test_volume():
    x = np.random.default_rng(0).standard_normal((1, 2, 3, 4, 5)).astype(np.float32)

    def resize(a):
        return relax.op.image.resize3d(
            a, (5, 3, 8), method="linear", coordinate_transformation_mode="half_pixel"
        )

    np.testing.assert_allclose(compute(resize, x), compile_and_run(resize, x), atol=1e-5)
