"""Refuses ONNX nodes with an attribute that TVM's importer drops without a word.

Each was found by comparing single nodes with onnxruntime: what the importer makes of them is a
network that computes something else.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from ..errors import UnsupportedOperatorError

Shapes = dict[str, tuple[int, ...]]
Constants = dict[str, NDArray]

_IDENTITIES = ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum")
"""Reductions that leave a single element as it is."""


def check_attributes(model: onnx.ModelProto) -> None:
    """Raise UnsupportedOperatorError, naming the node, for an attribute that would be dropped.

    `model` must be folded: what is constant is an initializer.
    """
    nodes = [node for node in model.graph.node if _is_suspect(node.op_type)]
    if not nodes:
        return
    shapes = _shapes(onnx.shape_inference.infer_shapes(model).graph)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in nodes:
        read = {n: numpy_helper.to_array(constants[n]) for n in node.input if n in constants}
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        for problem in _problems(node, attributes, shapes, read):
            raise UnsupportedOperatorError(
                f"Node {node.name!r} ({node.op_type}) {problem}, which TVM's ONNX importer does "
                "not follow. Change the layer in the model."
            )


def _is_suspect(operator: str) -> bool:
    return operator in _CHECKS or operator.startswith("Reduce")


def _problems(
    node: onnx.NodeProto, attributes: dict[str, Any], shapes: Shapes, constants: Constants
) -> Iterator[str]:
    check = _CHECKS.get(node.op_type, _reduction)
    return check(node, attributes, shapes, constants)


def _reduction(
    node: onnx.NodeProto, attributes: dict[str, Any], _shapes: Shapes, _constants: Constants
) -> Iterator[str]:
    no_axes = len([name for name in node.input if name]) < 2 and "axes" not in attributes
    kept = bool(attributes.get("noop_with_empty_axes")) and no_axes
    if kept and node.op_type not in _IDENTITIES:
        yield "has noop_with_empty_axes and no axes"


def _transposed(
    _node: onnx.NodeProto, attributes: dict[str, Any], _shapes: Shapes, _constants: Constants
) -> Iterator[str]:
    if "output_shape" in attributes:
        yield "gives its output_shape instead of its padding"


def _pool(
    _node: onnx.NodeProto, attributes: dict[str, Any], _shapes: Shapes, _constants: Constants
) -> Iterator[str]:
    if attributes.get("auto_pad") == b"SAME_LOWER":
        yield "has auto_pad SAME_LOWER"


def _infinity(
    _node: onnx.NodeProto, attributes: dict[str, Any], _shapes: Shapes, _constants: Constants
) -> Iterator[str]:
    if not (attributes.get("detect_negative", 1) and attributes.get("detect_positive", 1)):
        yield "looks for infinities of one sign only"


def _one_hot(
    node: onnx.NodeProto, _attributes: dict[str, Any], _shapes: Shapes, constants: Constants
) -> Iterator[str]:
    values = constants.get(node.input[2])
    if values is not None and values.dtype.kind == "f":
        yield f"makes {values.dtype} values"


def _resize(
    node: onnx.NodeProto, attributes: dict[str, Any], shapes: Shapes, constants: Constants
) -> Iterator[str]:
    mode = attributes.get("coordinate_transformation_mode", b"half_pixel").decode()
    if attributes.get("antialias"):
        yield "resizes with antialias"
    if mode == "half_pixel_symmetric":
        yield "resizes with coordinates 'half_pixel_symmetric'"
    position = 1 if len(node.input) == 2 else 2
    scales = constants.get(node.input[position]) if len(node.input) > position else None
    shape = shapes.get(node.input[0])
    if scales is None or not scales.size or shape is None or mode == "align_corners":
        return
    axes = attributes.get("axes", range(len(shape)))
    wanted = np.array([shape[axis] for axis in axes]) * scales.astype(np.float64)
    if (np.abs(wanted - np.round(wanted)) > _INTEGER_TOLERANCE).any():
        yield (
            f"resizes {list(shape)} by {scales.tolist()}, which is not the ratio of its sizes "
            "(give the size itself)"
        )


def _shapes(graph: onnx.GraphProto) -> Shapes:
    values = (*graph.input, *graph.value_info)
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in values
        if value.type.tensor_type.HasField("shape")
        and all(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    }


_INTEGER_TOLERANCE = 1e-4
_CHECKS: dict[str, Callable[..., Iterator[str]]] = {
    "ConvTranspose": _transposed,
    "IsInf": _infinity,
    "MaxPool": _pool,
    "OneHot": _one_hot,
    "Resize": _resize,
    "Upsample": _resize,
}
