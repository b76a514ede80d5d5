"""Straight-through estimators: exact binary values forward, a surrogate gradient backward.

Each is a `torch.autograd.Function` and not the detach arithmetic `b - f(x).detach() + f(x)`:
that is off from ±1 by a rounding error and leaves its whole chain in an exported graph, while
these export as the bare forward (a plain Sign) from torch.export and both ONNX exporters.
"""

from typing import Any

import torch
from torch import Tensor

from .slopes import clipped_slope, error_decay_slope, polynomial_slope


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
        return grad * clipped_slope(x)


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
        return grad * polynomial_slope(x)


class _SignErrorDecay(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, progress: Tensor) -> Tensor:  # noqa: ARG004
        return torch.sign(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        x, progress = ctx.saved_tensors
        return grad * error_decay_slope(x, progress), None


class _ReplaceByBinary(torch.autograd.Function):
    @staticmethod
    def forward(latent: Tensor, binary: Tensor, slope: Tensor) -> Tensor:  # noqa: ARG004
        return binary.clone()

    @staticmethod
    def setup_context(
        ctx: Any,
        inputs: tuple[Tensor, Tensor, Tensor],
        output: Tensor,  # noqa: ARG004
    ) -> None:
        ctx.save_for_backward(inputs[2])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return grad * slope, None, None


class _ReplaceByKernels(torch.autograd.Function):
    @staticmethod
    def forward(
        latent: Tensor,  # noqa: ARG004
        binary: Tensor,
        slope: Tensor,  # noqa: ARG004
        learned: Tensor,  # noqa: ARG004
        factor: Tensor,  # noqa: ARG004
        indices: Tensor,  # noqa: ARG004
    ) -> Tensor:
        return binary.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG004
        _, _, slope, learned, factor, indices = inputs
        ctx.save_for_backward(slope, factor, indices)
        ctx.kernels_shape = learned.shape

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        slope, factor, indices = ctx.saved_tensors
        shape = ctx.kernels_shape
        units = grad.reshape(indices.numel(), -1)
        kernels = units.new_zeros(shape[0], units.shape[1]).index_add(0, indices.reshape(-1), units)
        return grad * slope, None, None, (factor * kernels).reshape(shape), None, None


class _RoundInRange(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, top: float, levels: int) -> Tensor:
        return torch.round(torch.clamp(x, 0.0, top) * (levels / top)) * (top / levels)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, int], output: Tensor) -> None:  # noqa: ARG004
        x, ctx.top, _ = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return grad * ((x >= 0) & (x <= ctx.top)), None, None


def sign_clipped(x: Tensor) -> Tensor:
    """sign(x) in {-1, 0, +1}, with the gradient `clipped_slope`. Any shape, any float dtype."""
    return _SignClipped.apply(x)


def sign_polynomial(x: Tensor) -> Tensor:
    """sign(x) in {-1, 0, +1}, with the gradient `polynomial_slope`. Any shape, any float dtype."""
    return _SignPolynomial.apply(x)


def sign_error_decay(x: Tensor, progress: Tensor) -> Tensor:
    """sign(x) in {-1, 0, +1}, with the gradient `error_decay_slope` at `progress` (0-d).

    Any shape, any float dtype.
    """
    return _SignErrorDecay.apply(x, progress)


def replace_by_binary(latent: Tensor, binary: Tensor, slope: Tensor) -> Tensor:
    """`binary` forward; backward, dL/dlatent = slope * dL/dbinary.

    All three have the same shape and dtype; `binary` and `slope` receive no gradient. This is
    how latent weights learn through their binary kernels.
    """
    return _ReplaceByBinary.apply(latent, binary, slope)


def replace_by_kernels(
    latent: Tensor, binary: Tensor, slope: Tensor, learned: Tensor, factor: Tensor, indices: Tensor
) -> Tensor:
    """`binary` forward; backward, the latent weights and the kernels themselves learn.

    dL/dlatent = slope * dL/dbinary, as in `replace_by_binary`, and
    dL/dlearned[k] = factor * sum over the units u with indices[u] = k of dL/dbinary[u],
    for `learned` (K, g, kh, kw), `indices` int64 (O, C/g) and the 0-d `factor`.
    """
    return _ReplaceByKernels.apply(latent, binary, slope, learned, factor, indices)


def round_in_range(x: Tensor, top: float, levels: int) -> Tensor:
    """x clipped to [0, top] and rounded to `levels` equal steps; gradient 1 in range, else 0."""
    return _RoundInRange.apply(x, top, levels)
