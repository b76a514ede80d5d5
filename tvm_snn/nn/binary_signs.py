"""The signs of 1-bit layers."""

import torch
from torch import Tensor

from .straight_through import replace_by_binary


def signs(latent: Tensor, slope: Tensor) -> Tensor:
    """+1 where latent >= 0, else -1, with dL/dlatent = slope * dL/dsign.

    A weight has no third value to take at 0. `slope` has the shape and dtype of `latent`.
    """
    fixed = latent.detach()
    return replace_by_binary(latent, torch.where(fixed >= 0, 1.0, -1.0).to(fixed.dtype), slope)
