"""A TVM compiler extension for binary and sub-bit neural networks."""
