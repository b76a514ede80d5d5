"""The choice of a gradient estimator by name, and the progress that some of them follow."""

from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .slopes import clipped_slope, error_decay_slope, polynomial_slope

Estimator = Literal["clipped", "polynomial", "error_decay"]

_PLAIN = {"clipped": clipped_slope, "polynomial": polynomial_slope}


class Slope(nn.Module):
    """The slope of a straight-through estimator: x of any shape in, the derivative at x out.

    "clipped", "polynomial" and "error_decay" are the functions of `slopes`. The error decay
    estimator keeps how far training has come in the buffer `progress` (0-d float32, from 0 to 1),
    which `set_progress` moves; the others have no state. Raises ModelError for another name.
    """

    progress: Tensor | None

    def __init__(self, estimator: Estimator) -> None:
        """Choose the estimator."""
        super().__init__()
        if estimator not in (*_PLAIN, "error_decay"):
            raise ModelError(
                f"unknown estimator {estimator!r}; use one of clipped, error_decay, polynomial"
            )
        self.estimator = estimator
        self.register_buffer("progress", None if estimator in _PLAIN else torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return the derivative at x."""
        if self.progress is None:
            return _PLAIN[self.estimator](x)
        return error_decay_slope(x, self.progress)

    def extra_repr(self) -> str:
        """Show the estimator in the module's printout."""
        return self.estimator


def set_progress(model: nn.Module, progress: float) -> None:
    """Tell every error decay estimator in `model` which part of training is done, 0 to 1."""
    for module in model.modules():
        if isinstance(module, Slope) and module.progress is not None:
            module.progress.fill_(progress)
