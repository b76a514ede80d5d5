"""PyTorch and ONNX models to Relax."""

from .import_model import import_model
from .output_names import output_names

__all__ = ["import_model", "output_names"]
