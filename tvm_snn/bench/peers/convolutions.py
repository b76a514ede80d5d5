"""A layer's convolution in float32 and int8 as ONNX models, and what they should compute."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ...ops.convolve import convolve
from ...ops.geometry import ConvGeometry
from ..layers_of_resnet18 import Layer

# The steps that int8 tensors are multiples of. Weights are +-64: at +-127, processors without
# VNNI would saturate.
_DATA_STEP, _ZERO, _WEIGHT = 4 / 127, 128, 64


@dataclass(frozen=True)
class Convolution:
    """A convolution with operands in the layouts of other engines."""

    data: NDArray[np.float32]
    """(1, C, H, W)"""
    weight: NDArray[np.float32]
    """(O, C, 3, 3): +-1 times the factor of the output channel"""
    quantized: NDArray[np.uint8]
    """The data in steps of int8, (1, C, H, W)"""
    expected: NDArray[np.float32]
    """(1, O, H / stride, W / stride)"""
    step: float
    """What one step of the int8 result stands for."""


@lru_cache(maxsize=8)
def convolution(layer: Layer) -> Convolution:
    """Return the operands of a layer's convolution, and its result."""
    data = np.ascontiguousarray(layer.image().transpose(0, 3, 1, 2))
    scale = layer.scale()[:, None, None]
    expected = convolve(data, layer.signs(), _geometry(layer)) * scale
    steps = np.clip(np.round(data / _DATA_STEP) + _ZERO, 0, 255)
    return Convolution(
        data=data,
        weight=layer.signs() * scale[..., None],
        quantized=steps.astype(np.uint8),
        expected=expected,
        step=float(np.abs(expected).max()) / 127,
    )


def float_model(layer: Layer) -> bytes:
    """Return the float32 convolution from `x` to `y`, channels first."""
    conv = convolution(layer)
    return _model(
        [_conv_node(layer, "x", "weight", "y")],
        (TensorProto.FLOAT, conv.data.shape, conv.expected.shape),
        {"weight": conv.weight},
    )


def int8_model(layer: Layer, channels_last: bool) -> bytes:
    """Return the convolution from uint8 `x` to uint8 `y`, as it is inside of an int8 network.

    Channels last is a pair of transpositions that an engine may take into the convolution.
    """
    conv = convolution(layer)
    scale = layer.scale()
    constants: dict[str, Any] = {
        "weight": (np.sign(conv.weight) * _WEIGHT).astype(np.int8),
        "weight_step": np.abs(scale) / _WEIGHT,
        "weight_zero": np.zeros(layer.outputs, np.int8),
        "data_step": np.float32(_DATA_STEP),
        "result_step": np.float32(conv.step),
        "zero": np.uint8(_ZERO),
    }
    inner = ("x_first", "y_first") if channels_last else ("x", "y")
    nodes = [
        helper.make_node("DequantizeLinear", [inner[0], "data_step", "zero"], ["data"]),
        helper.make_node(
            "DequantizeLinear", ["weight", "weight_step", "weight_zero"], ["kernels"], axis=0
        ),
        _conv_node(layer, "data", "kernels", "sums"),
        helper.make_node("QuantizeLinear", ["sums", "result_step", "zero"], [inner[1]]),
    ]
    x, y = conv.data.shape, conv.expected.shape
    if channels_last:
        first = helper.make_node("Transpose", ["x"], ["x_first"], perm=[0, 3, 1, 2])
        last = helper.make_node("Transpose", ["y_first"], ["y"], perm=[0, 2, 3, 1])
        nodes = [first, *nodes, last]
        x, y = ((n, h, w, c) for n, c, h, w in (x, y))
    return _model(nodes, (TensorProto.UINT8, x, y), constants)


def dequantized(layer: Layer, result: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the numbers that the result of an int8 convolution stands for."""
    step = np.float32(convolution(layer).step)
    return (result.astype(np.float32) - _ZERO) * step


def check(layer: Layer, kind: str, result: NDArray[np.float32]) -> bool:
    """Tell whether the result (1, O, H, W) of an engine's convolution is right.

    A BNN is compared inside the border only: there engines pad with -1, networks with 0.
    """
    conv = convolution(layer)
    if kind == "float32":
        return np.allclose(result, conv.expected, rtol=1e-3, atol=1e-2)
    if kind.startswith("int8"):
        return bool(np.abs(result - conv.expected).max() < 3 * conv.step)
    sums = convolve(np.sign(conv.data).astype(np.int8), layer.signs(), _geometry(layer))
    inner = (..., slice(1, -1), slice(1, -1))
    return np.array_equal(result[inner], sums[inner])


def _geometry(layer: Layer) -> ConvGeometry:
    return ConvGeometry.from_attrs({**layer.attrs, "data_layout": "NCHW"})


def _conv_node(layer: Layer, data: str, weight: str, result: str) -> onnx.NodeProto:
    strides = [layer.stride] * 2
    return helper.make_node("Conv", [data, weight], [result], pads=[1] * 4, strides=strides)


def _model(
    nodes: list[onnx.NodeProto],
    types: tuple[int, tuple[int, ...], tuple[int, ...]],
    constants: dict[str, NDArray],
) -> bytes:
    dtype, x, y = types
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", dtype, x)],
        [helper.make_tensor_value_info("y", dtype, y)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    # Versions that engines of the last years read.
    opset = [helper.make_opsetid("", 17)]
    model: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return model
