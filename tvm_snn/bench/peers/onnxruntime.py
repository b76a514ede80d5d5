"""onnxruntime: float32 convolutions, and int8 ones from a graph with QuantizeLinear nodes."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..layers_of_resnet18 import Layer
from ..timing import Contender
from .convolutions import convolution, dequantized, float_model, int8_model
from .exported import ExportedNetwork

NAME = "onnxruntime"


def layer_contenders(layer: Layer, threads: int) -> dict[str, Contender]:
    """Return the float32 convolution (channels first) and the int8 one (channels last)."""
    conv = convolution(layer)
    real = _session(float_model(layer), threads)
    whole = _session(int8_model(layer, channels_last=True), threads)
    quantized = np.ascontiguousarray(conv.quantized.transpose(0, 2, 3, 1))
    return {
        "float32": Contender(lambda: _run(real, conv.data), lambda: _run(real, conv.data)),
        "int8": Contender(
            lambda: _run(whole, quantized),
            lambda: dequantized(layer, _run(whole, quantized)).transpose(0, 3, 1, 2),
        ),
    }


def network_contenders(network: ExportedNetwork, threads: int) -> dict[str, Contender]:
    """Return the float32 network and the int8 one."""
    models = {"float32": network.float_model, "int8": network.int8_model}
    return {
        kind: _network(_session(model, threads), network.data)
        for kind, model in models.items()
        if model is not None
    }


def _network(session: onnxruntime.InferenceSession, data: NDArray) -> Contender:
    return Contender(lambda: _run(session, data), lambda: _run(session, data))


def _session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _run(session: onnxruntime.InferenceSession, data: NDArray) -> NDArray:
    result: NDArray = session.run(None, {session.get_inputs()[0].name: data})[0]
    return result
