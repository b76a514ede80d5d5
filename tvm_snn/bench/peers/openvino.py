"""OpenVINO: BinaryConvolution, float32 and int8 convolutions, whole networks.

A single layer is charged by OpenVINO's own profile, for the convolution alone: the conversions
that a model of one layer needs at its ends (to packed signs, to channels last, and back) are not
there inside of a network.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset1

from ..layers_of_resnet18 import Layer
from ..timing import Contender
from .convolutions import convolution, dequantized, float_model, int8_model
from .exported import ExportedNetwork

NAME = "OpenVINO"
_CONVOLUTIONS = ("BinaryConvolution", "Convolution")


def layer_contenders(layer: Layer, threads: int) -> dict[str, Contender]:
    """Return the convolutions of float32, int8 and of packed signs."""
    conv = convolution(layer)
    binary = _Request(_binary_model(layer), np.sign(conv.data), threads, profile=True)
    real = _Request(_read(float_model(layer)), conv.data, threads, profile=True)
    return {
        "float32": real.contender(real.result),
        "int8": int8_layer(layer, threads),
        "BNN W1A1": binary.contender(binary.result),
    }


def int8_layer(layer: Layer, threads: int) -> Contender:
    """Return the int8 convolution of a layer."""
    model = _read(int8_model(layer, channels_last=False))
    whole = _Request(model, convolution(layer).quantized, threads, profile=True)
    return whole.contender(lambda: dequantized(layer, whole.result()))


def network_contenders(network: ExportedNetwork, threads: int) -> dict[str, Contender]:
    """Return the float32 network and the int8 one."""
    return {
        kind: network_of(model, network.data, threads)
        for kind, model in (("float32", network.float_model), ("int8", network.int8_model))
        if model is not None
    }


def network_of(model: bytes, data: NDArray, threads: int) -> Contender:
    """Return a network in ONNX as a contender."""
    request = _Request(_read(model), data, threads, profile=False)
    return Contender(request.run, request.result)


class _Request:
    """A compiled model with its input in place."""

    def __init__(
        self, model: openvino.Model, data: NDArray, threads: int, *, profile: bool
    ) -> None:
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Where the processor can, it would compute in bfloat16.
            "INFERENCE_PRECISION_HINT": "f32",
            "PERF_COUNT": profile,
        }
        compiled = _core().compile_model(model, "CPU", options)
        self._request = compiled.create_infer_request()
        self._data = np.ascontiguousarray(data)
        self._request.set_input_tensor(openvino.Tensor(self._data, shared_memory=True))

    def run(self) -> None:
        self._request.infer()

    def result(self) -> NDArray:
        self.run()
        return np.array(self._request.get_output_tensor(0).data)

    def contender(self, result: Callable[[], NDArray]) -> Contender:
        """Return the convolution as a contender, timed alone; `result` gives what it computes."""
        self.run()
        return Contender(self.run, result, self.reported, self.kernel())

    def reported(self) -> float:
        """Microseconds of the convolution in the last run."""
        return self._convolution().real_time.total_seconds() * 1e6

    def kernel(self) -> str:
        """What OpenVINO calls the convolution's kernel, as in brgconv_avx512_f32."""
        return str(self._convolution().exec_type)

    def _convolution(self) -> openvino.ProfilingInfo:
        nodes = self._request.profiling_info
        return next(node for node in nodes if node.node_type in _CONVOLUTIONS)


def _read(model: bytes) -> openvino.Model:
    return _core().read_model(model)


@cache
def _core() -> openvino.Core:
    """Return the one core of this process.

    For AMX each core's CPU plugin gives the thread a signal stack, and takes it away when it goes.
    With several, which go in another order than they came, the thread is left with a stack that is
    no longer mapped: the next signal, be it a child's end or Ctrl-C, ends the process unheard.
    """
    return openvino.Core()


def _binary_model(layer: Layer) -> openvino.Model:
    data = opset1.parameter(convolution(layer).data.shape, np.float32, name="x")
    bits = (layer.signs() > 0).astype(np.uint8)
    # It reads the bits of a byte from the other end than its own constants are written.
    bits = bits.reshape(-1, 8)[:, ::-1].reshape(bits.shape)
    weight = openvino.op.Constant(openvino.Type.u1, openvino.Shape(bits.shape), bits.reshape(-1))
    pair: Sequence[int] = [1, 1]
    strides = [layer.stride] * 2
    conv = opset1.binary_convolution(data, weight, strides, pair, pair, pair, "xnor-popcount", 0.0)
    return openvino.Model([conv], [data])
