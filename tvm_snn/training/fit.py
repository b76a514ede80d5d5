"""Whether a network fits the data that it is to be trained on, seen before the first step."""

import torch
from torch import nn

from ..errors import TrainingError
from .data import Data


@torch.no_grad()
def check_fit(model: nn.Module, data: Data, name: str) -> int:
    """Run `model` on a black image, in eval mode, in which it is left; return its logits' number.

    They may be more than there are classes. Raises TrainingError, about `name`, when the network
    cannot take images of the data's shape or does not return a logit for each class.
    """
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    try:
        logits = model.eval()(torch.zeros(1, *data.shape, device=device))
    except Exception as error:
        raise TrainingError(
            f"The {name} fails on an image of {_by(data.shape)}, as the data has: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(logits, torch.Tensor):
        raise TrainingError(
            f"The {name} returns a {type(logits).__name__}; expected is a tensor of logits."
        )
    if logits.dim() != 2 or logits.shape[1] < data.classes:
        raise TrainingError(
            f"The {name} returns {_by(tuple(logits.shape))} for one image; expected is a logit for "
            f"each of the data's {data.classes} classes. Many factories take num_classes="
            f"{data.classes}."
        )
    return logits.shape[1]


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
