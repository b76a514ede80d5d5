"""The code generator: from convolution layers to a program and its DRAM."""
