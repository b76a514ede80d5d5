"""Why two float32 runs of one network may differ on a sample: values too close to call.

A sign, like the final choice of a class, is decided by comparing a float with a threshold. Where
the exact value lies within rounding error of the threshold, PyTorch and a compiled network may
fall on different sides, and both are right. Anything else is a fault.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tvm_snn.nn import BinaryActivation

# A compiled network rounds in another order than PyTorch, with errors of the same size.
_ROUNDING_MARGIN = 4.0


@dataclass(frozen=True)
class Tie:
    """The first decision of a sample that rounding can turn."""

    layer: str
    distance: float
    """Distance from the threshold of the closest value, computed in float64."""
    rounding: float
    """Largest error of this layer's values in float32."""
    count: int
    """Values of this layer that are as close as rounding."""

    def __str__(self) -> str:
        """One line for a table."""
        return (
            f"{self.layer}: {self.count} value(s) within rounding of the threshold, the closest "
            f"{self.distance:.1e} away; float32 errs by up to {self.rounding:.1e} there"
        )


def first_tie(model: nn.Module, image: Tensor) -> Tie | None:
    """The first layer in which rounding can turn a decision for `image` (1, C, H, W).

    None means that no sign and no class of this sample is a matter of rounding, so that two
    correct runs cannot differ on it by more than rounding.
    """
    single, single_logits = _decisions(model, image)
    double, double_logits = _decisions(copy.deepcopy(model).double(), image.double())
    for layer, exact in double.items():
        tie = _tie(layer, exact, _rounding(single[layer], exact))
        if tie is not None:
            return tie
    top = double_logits.flatten().topk(2).values
    # Both logits err, so their difference can be off by twice the error of one.
    error = 2 * _rounding(single_logits, double_logits)
    return _tie("choice of the class", top[0] - top[1], error)


def _rounding(single: Tensor, exact: Tensor) -> float:
    """Largest error seen in float32, and at least one unit in the last place of the values."""
    seen = (single.double() - exact).abs().max().item()
    return max(seen, torch.finfo(torch.float32).eps * exact.abs().max().item())


def _tie(layer: str, exact: Tensor, rounding: float) -> Tie | None:
    distances = exact.abs()
    close = distances <= _ROUNDING_MARGIN * rounding
    if not close.any():
        return None
    return Tie(layer, distances.min().item(), rounding, int(close.sum()))


@torch.no_grad()
def _decisions(model: nn.Module, image: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """The input of every sign, in the order they run, and the logits."""
    inputs: dict[str, Tensor] = {}
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, BinaryActivation):

            def keep(_: nn.Module, args: tuple[Tensor, ...], name: str = name) -> None:
                inputs[name] = args[0]

            hooks.append(module.register_forward_pre_hook(keep))
    logits = model(image)
    for hook in hooks:
        hook.remove()
    return inputs, logits
