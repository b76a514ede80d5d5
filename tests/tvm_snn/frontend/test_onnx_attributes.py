"""Attributes of ONNX nodes that TVM's importer drops are refused; those it follows are not."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tvm_snn.errors import UnsupportedOperatorError
from tvm_snn.frontend import import_model


def model(operator, *constants, opset=19, **attributes):
    """One node on a float32 input (1, 4, 9, 7); None leaves an input away."""
    names = ["" if value is None else f"c{number}" for number, value in enumerate(constants)]
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", *names], ["y"], name="the node", **attributes)],
        operator,
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 4, 9, 7))],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(v, n) for v, n in zip(constants, names, strict=True) if n],
    )
    opsets = [helper.make_opsetid("", opset)]
    return onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=opsets, ir_version=9)
    )


def scales(*values):
    return np.array([1, 1, *values], np.float32)


WEIGHT = np.ones((4, 2, 3, 3), np.float32)
REFUSED = {
    "resizes with antialias": model(
        "Resize", None, None, np.array([1, 4, 4, 3]), mode="linear", antialias=1
    ),
    "half_pixel_symmetric": model(
        "Resize",
        None,
        scales(2, 2),
        mode="linear",
        coordinate_transformation_mode="half_pixel_symmetric",
    ),
    r"resizes \[1, 4, 9, 7\] by \[1.0, 1.0, 0.5, 1.0\]": model(
        "Resize", None, scales(0.5, 1), mode="linear"
    ),
    r"by \[1.0, 1.5\]": model(
        "Resize", None, np.array([1, 1.5], np.float32), mode="nearest", axes=[2, 3]
    ),
    "output_shape": model("ConvTranspose", WEIGHT, strides=[2, 2], output_shape=[18, 14]),
    "SAME_LOWER": model("MaxPool", kernel_shape=[3, 2], auto_pad="SAME_LOWER"),
    "noop_with_empty_axes": model("ReduceL2", noop_with_empty_axes=1),
    "infinities of one sign": model("IsInf", detect_negative=0),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_by_the_name_of_the_node(message):
    with pytest.raises(UnsupportedOperatorError, match=f"Node 'the node' .*{message}"):
        import_model(REFUSED[message])


ACCEPTED = {
    "a ratio": model("Resize", None, scales(2, 2), mode="linear"),
    "a third": model("Resize", None, scales(1 / 3, 1), mode="linear"),
    "a size": model("Resize", None, None, np.array([1, 4, 4, 3]), mode="linear"),
    "aligned corners": model(
        "Resize",
        None,
        scales(0.5, 1),
        mode="linear",
        coordinate_transformation_mode="align_corners",
    ),
    "padding of a transposed conv": model("ConvTranspose", WEIGHT, output_padding=[0, 0]),
    "SAME_UPPER": model("MaxPool", kernel_shape=[3, 2], auto_pad="SAME_UPPER"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name):
    import_model(ACCEPTED[name])
