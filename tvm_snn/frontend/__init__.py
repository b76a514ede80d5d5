"""PyTorch and ONNX models to Relax."""

from .import_model import import_model

__all__ = ["import_model"]
