"""Operators of PyTorch of which TVM's importer drops an argument, as others that it reads right.

Each function here is the operator in PyTorch itself; NotImplemented leaves the operator as it is,
when the argument that would be dropped has no effect.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import UnsupportedOperatorError

aten = torch.ops.aten


def decomposition_table() -> dict[Any, Callable[..., Any]]:
    """Return PyTorch's decompositions to core operators, with those of this file put first."""
    return {**torch.export.default_decompositions(), **_DECOMPOSITIONS}


def _add(left: Tensor, right: Any, *, alpha: float = 1) -> Any:
    return NotImplemented if alpha == 1 else left + right * alpha


def _add_scalar(left: Tensor, right: Any, alpha: float = 1) -> Any:
    return NotImplemented if alpha == 1 else left + right * alpha


def _subtract(left: Tensor, right: Any, *, alpha: float = 1) -> Any:
    return NotImplemented if alpha == 1 else left - right * alpha


def _subtract_scalar(left: Tensor, right: Any, alpha: float = 1) -> Any:
    return NotImplemented if alpha == 1 else left - right * alpha


def _elu(x: Tensor, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Any:
    """SELU and CELU are ELU with these scales."""
    if scale == 1 and input_scale == 1:
        return NotImplemented
    negative = torch.exp(torch.clamp(x, max=0.0) * input_scale) - 1.0
    return torch.where(x > 0, x * scale, negative * (alpha * scale))


def _average_pool(
    x: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    del count_include_pad  # has no effect beside a divisor of one's own
    if divisor_override is None:
        return NotImplemented
    if ceil_mode:
        raise UnsupportedOperatorError(
            "avg_pool2d with both ceil_mode and divisor_override cannot be imported: pad the "
            "input in the model instead of ceil_mode."
        )
    area = kernel_size[0] * kernel_size[-1]
    mean = aten.avg_pool2d(x, kernel_size, stride, padding, False, True)
    return mean * (area / divisor_override)


def _variance_and_mean(
    x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False
) -> Any:
    variance = torch.var(
        x, dim, correction=1 if correction is None else correction, keepdim=keepdim
    )
    axes = list(range(x.dim())) if dim is None else dim
    return variance, torch.mean(x, axes, keepdim=keepdim)


def _adaptive_max_pool(x: Tensor, output_size: Sequence[int]) -> Any:
    """The global maximum; other sizes are left to the importer."""
    if tuple(output_size) != (1, 1):
        return NotImplemented
    index = torch.argmax(x.flatten(-2), -1, keepdim=True)
    return torch.amax(x, (-2, -1), keepdim=True), index.unsqueeze(-1)


def _maximum_along(x: Tensor, dim: int, keepdim: bool = False) -> Any:
    """Without the sorting that the importer makes of it, of which TVM has no kernel here."""
    return torch.amax(x, dim, keepdim), torch.argmax(x, dim, keepdim)


def _minimum_along(x: Tensor, dim: int, keepdim: bool = False) -> Any:
    return torch.amin(x, dim, keepdim), torch.argmin(x, dim, keepdim)


_DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    aten.add.Tensor: _add,
    aten.add.Scalar: _add_scalar,
    aten.sub.Tensor: _subtract,
    aten.sub.Scalar: _subtract_scalar,
    aten.elu.default: _elu,
    aten.avg_pool2d.default: _average_pool,
    aten.var_mean.correction: _variance_and_mean,
    aten.adaptive_max_pool2d.default: _adaptive_max_pool,
    aten.max.dim: _maximum_along,
    aten.min.dim: _minimum_along,
}
