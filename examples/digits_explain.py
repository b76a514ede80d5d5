"""Why two float32 runs of one network may differ on a sample: values too close to call.

A sign, like the final choice of a class, is decided by comparing a float with a threshold. Where
the exact value lies within rounding error of it, PyTorch and a compiled network may
fall on different sides, and both are right. Anything else is a fault.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tvm_snn.nn import BinaryActivation

Logits = NDArray[np.float32]

# A compiled network rounds in another order than PyTorch, with errors of the same size.
_ROUNDING_MARGIN = 4.0


@dataclass(frozen=True)
class Tie:
    """The first sign of a sample that rounding can turn."""

    layer: str
    distance: float
    """Distance from zero of the closest value, computed in float64."""
    rounding: float
    """Largest error of this layer's values in float32."""
    count: int
    """Values of this layer that are as close as rounding."""

    def __str__(self) -> str:
        """One line for a table."""
        return (
            f"{self.layer}: {self.count} value(s) within rounding of zero, the closest "
            f"{self.distance:.1e}; float32 errs by up to {self.rounding:.1e} there"
        )


def differing(expected: Logits, found: Logits) -> NDArray[np.int64]:
    """The samples of which logits (N, 10) or class are not the same up to rounding."""
    return np.flatnonzero(~_close(expected, found) | (expected.argmax(1) != found.argmax(1)))


def explain(model: nn.Module, image: Tensor, expected: Logits, found: Logits) -> str | None:
    """Why the logits (1, 10) of `image` (1, C, H, W) differ, or None where nothing explains it."""
    if _close(expected, found).all():
        best = np.sort(expected[0])[-2:]
        return f"its two best classes are {best[1] - best[0]:.1e} apart"
    tie = first_tie(model, image)
    return f"tie in {tie}" if tie else None


def first_tie(model: nn.Module, image: Tensor) -> Tie | None:
    """The first layer in which rounding can turn a sign for `image` (1, C, H, W).

    None means that no sign is a matter of rounding: two correct runs have the same signs.
    """
    single = _sign_inputs(model, image)
    double = _sign_inputs(copy.deepcopy(model).double(), image.double())
    for layer, exact in double.items():
        rounding = _rounding(single[layer], exact)
        distances = exact.abs()
        close = distances <= _ROUNDING_MARGIN * rounding
        if close.any():
            return Tie(layer, distances.min().item(), rounding, int(close.sum()))
    return None


def _close(expected: Logits, found: Logits) -> NDArray[np.bool_]:
    return np.asarray(np.isclose(expected, found, rtol=1e-3, atol=1e-3).all(axis=1))


def _rounding(single: Tensor, exact: Tensor) -> float:
    """Largest error seen in float32, and at least one unit in the last place of the values."""
    seen = (single.double() - exact).abs().max().item()
    return max(seen, torch.finfo(torch.float32).eps * exact.abs().max().item())


@torch.no_grad()
def _sign_inputs(model: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """The input of every sign, in the order they run."""
    inputs: dict[str, Tensor] = {}
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, BinaryActivation):

            def keep(_: nn.Module, args: tuple[Tensor, ...], name: str = name) -> None:
                inputs[name] = args[0]

            hooks.append(module.register_forward_pre_hook(keep))
    model(image)
    for hook in hooks:
        hook.remove()
    return inputs
