"""Static quantization of an ONNX model to int8, by onnxruntime's tools."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)


def quantize(model: bytes, images: NDArray[np.float32]) -> bytes:
    """Return the model with its convolutions, products, sums and pools in int8.

    `images` are inputs of the model, one after the other along the first axis. Weights are
    quantized channel by channel, the way that both onnxruntime and OpenVINO compute fast.
    """
    name = onnx.load_from_string(model).graph.input[0].name
    with tempfile.TemporaryDirectory() as folder:
        real, fused, whole = (Path(folder) / f"{stem}.onnx" for stem in ("real", "fused", "whole"))
        real.write_bytes(model)
        quant_pre_process(real, fused, skip_symbolic_shape=True)
        quantize_static(
            fused,
            whole,
            _Images(name, images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return whole.read_bytes()


class _Images(CalibrationDataReader):
    def __init__(self, name: str, images: NDArray[np.float32]) -> None:
        self._feeds: Iterator[dict[str, NDArray]] = iter([{name: image} for image in images])

    def get_next(self) -> dict[str, NDArray] | None:
        return next(self._feeds, None)
