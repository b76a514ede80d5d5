"""Kernel-aware binarisation: the subset kernel nearest to each unit of latent weights.

Shapes: weights (O, C, kh, kw) where C counts input channels of one group, or (O, C) in dense
layers; a subset (K, g, kh, kw), where kh = kw = 1 in dense layers; kernel indices (O, C/g), where
unit u of an output covers its input channels u*g .. u*g + g - 1.
"""

from torch import Tensor


def nearest_kernels(weight: Tensor, subset: Tensor) -> Tensor:
    """Index of the subset kernel nearest to every unit: int64 of shape (O, C/g).

    idx[o, u] = argmin_k ||P[k] - w[o, u]||^2, Eq. (2) of Wang et al., "Sub-bit Neural
    Networks", ICCV 2021. All P[k] have the same norm, so this is argmax_k <w[o, u], P[k]>: one
    matrix product, with no tensor of weights x kernels x kernel size. Ties go to the lowest k.
    """
    outputs, channels = weight.shape[:2]
    kernels, g = subset.shape[:2]
    units = weight.reshape(outputs * (channels // g), -1)
    similarity = units @ subset.reshape(kernels, -1).to(weight.dtype).t()
    return similarity.argmax(dim=1).reshape(outputs, channels // g)


def gather_kernels(indices: Tensor, subset: Tensor) -> Tensor:
    """Spell out the kernels that the indices name: (O, C, kh, kw), dtype of the subset."""
    outputs, units = indices.shape
    _, g, kh, kw = subset.shape
    return subset[indices].reshape(outputs, units * g, kh, kw)
