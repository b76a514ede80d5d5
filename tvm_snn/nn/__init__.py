"""PyTorch layers of sub-bit networks."""
