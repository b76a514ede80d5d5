"""PyTorch and ONNX models to Relax."""
