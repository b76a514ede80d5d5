"""Straight-through estimators: exact binary values forward, a surrogate gradient backward.

Each is a `torch.autograd.Function` and not the detach arithmetic `b - f(x).detach() + f(x)`:
that is off from ±1 by a rounding error and leaves its whole chain in an exported graph, while
these export as the bare forward (a plain Sign) from torch.export and both ONNX exporters.
"""

from typing import Any

import torch
from torch import Tensor


class _SignClipped(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.sign(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * (x.abs() <= 1)


class _SignPolynomial(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.sign(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * (2 - 2 * x.abs()).clamp_(min=0)


class _ReplaceByBinary(torch.autograd.Function):
    @staticmethod
    def forward(latent: Tensor, binary: Tensor) -> Tensor:  # noqa: ARG004
        return binary.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (latent,) = ctx.saved_tensors
        return grad * (latent.abs() <= 1), None


def sign_clipped(x: Tensor) -> Tensor:
    """sign(x) in {-1, 0, +1}, with the gradient of clip(x, -1, 1).

    d/dx = 1 where |x| <= 1, else 0. Source: Hubara et al., "Binarized Neural Networks",
    NeurIPS 2016. Any shape, any float dtype.
    """
    return _SignClipped.apply(x)


def sign_polynomial(x: Tensor) -> Tensor:
    """sign(x) in {-1, 0, +1}, with the gradient of the piecewise polynomial of Bi-Real Net.

    The surrogate is 2x + x^2 on [-1, 0), 2x - x^2 on [0, 1) and sign(x) outside, hence
    d/dx = max(0, 2 - 2|x|). Source: Liu et al., "Bi-Real Net", ECCV 2018, "Approximation to
    the derivative of the sign function". Any shape, any float dtype.
    """
    return _SignPolynomial.apply(x)


def replace_by_binary(latent: Tensor, binary: Tensor) -> Tensor:
    """`binary` forward; backward, the gradient of clip(latent, -1, 1) reaches `latent`.

    d/dlatent = 1 where |latent| <= 1, else 0. `binary` has the shape and dtype of `latent` and
    receives no gradient. This is how latent weights learn through their binary kernels.
    """
    return _ReplaceByBinary.apply(latent, binary)
