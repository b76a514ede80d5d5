"""Float convolutions, pooling and products, and `decoded_dense`, the strategy that uses them.

strategy        the strategy, and `relax.nn.conv2d`
blocking        tiles of pixels by outputs for the registers and caches of a target
float_image     images with their padding written
direct_conv     the convolution: pixels by outputs in registers
filtered_conv   the convolution with fewer products: minimal filtering along rows
minimal_filtering   the matrices of its transforms
depthwise       convolutions with one input channel a group
pooling         max and average pooling
matmul          products with a matrix of weights
"""

from .strategy import NAME, cycles, legalize, obstacle, remark, space

__all__ = ["NAME", "cycles", "legalize", "obstacle", "remark", "space"]
