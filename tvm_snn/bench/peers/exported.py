"""A network in the forms that other engines read: a PyTorch program and ONNX models.

Constants are folded beforehand, so that no engine binarizes weights while it is timed.
"""

import tempfile
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch._inductor.constant_folding import constant_fold

from ...frontend.onnx_constants import fold_constants

_CALIBRATION_IMAGES = 4


@dataclass(frozen=True)
class ExportedNetwork:
    """A network of one input, with the data that it is timed on."""

    model: torch.nn.Module
    data: NDArray[np.float32]

    @cached_property
    def program(self) -> Any:
        """The network as a PyTorch program."""
        with torch.no_grad():
            program = torch.export.export(self.model, (torch.from_numpy(self.data),)).module()
            constant_fold(program)
        return program

    @cached_property
    def float_model(self) -> bytes:
        """The network in ONNX."""
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "network.onnx")
            inputs = (torch.from_numpy(self.data),)
            torch.onnx.export(
                self.model, inputs, path, dynamo=True, external_data=False, verbose=False
            )
            model: bytes = fold_constants(onnx.load(path)).SerializeToString()
        return model

    @cached_property
    def int8_model(self) -> bytes | None:
        """The network in ONNX with int8 tensors, or None without onnxruntime, which makes it.

        Its steps come from random images: good for its speed, and for nothing else.
        """
        if find_spec("onnxruntime") is None:
            return None
        from .quantize import quantize

        generator = np.random.default_rng(4)
        shape = (_CALIBRATION_IMAGES, *self.data.shape)
        return quantize(self.float_model, generator.standard_normal(shape, dtype=np.float32))
