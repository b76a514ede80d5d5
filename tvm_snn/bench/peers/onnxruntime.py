"""onnxruntime: float32 convolutions, and int8 ones from a graph with QuantizeLinear nodes.

A single layer is timed as a whole run of a session, with data and result bound to their places.
"""

from collections.abc import Callable

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
        "float32": Contender(_bound(real, conv.data), lambda: _run(real, conv.data)),
        "int8": Contender(
            _bound(whole, quantized),
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


def _bound(session: onnxruntime.InferenceSession, data: NDArray) -> Callable[[], None]:
    """Return what runs a session on its own input and result, which stay where they are."""
    binding = session.io_binding()
    for put, node, array in (
        (binding.bind_ortvalue_input, session.get_inputs()[0], data),
        (binding.bind_ortvalue_output, session.get_outputs()[0], _run(session, data)),
    ):
        put(node.name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    return lambda: session.run_with_iobinding(binding)


def _run(session: onnxruntime.InferenceSession, data: NDArray) -> NDArray:
    result: NDArray = session.run(None, {session.get_inputs()[0].name: data})[0]
    return result
