"""Networks to train: made for their data, and sub-bit where they are not yet."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import TrainingError
from ..nn import BinarizedLayer, convert, set_float_weights
from ..nn.activations import Activations
from .checkpoint import load_checkpoint
from .data import Data
from .fresh import start_fresh
from .recipe import RECIPES

Build = Callable[[dict[str, Any]], nn.Module]
"""Makes a network from keyword arguments."""


@dataclass(frozen=True)
class Weights:
    """What the binarised layers of a network shall be."""

    tau: int | None = 5
    """2^tau kernels; None is 1 bit."""
    subset: str = "vanilla"
    unit: int = 1
    subset_size: int | None = None
    activations: Activations = "W1A1"


def build_model(
    factory: Callable[..., Any], build: Build, weights: Weights, data: Data, seed: int
) -> nn.Module:
    """Make a network for `data`.

    `factory` is asked for what it lets choose: `weights`, `num_classes`, `input_shape` and `seed`
    are passed where it has such parameters. A network that comes out without binarised layers is
    converted: all but the first and the last layer, ReLU to Hardtanh. Networks of the zoo start
    from neutral values. Sets torch's global seed.
    """
    wanted = {**vars(weights), "num_classes": data.classes, "input_shape": data.shape, "seed": seed}
    known = inspect.signature(factory).parameters
    torch.manual_seed(seed)
    model = build({name: value for name, value in wanted.items() if name in known})
    if factory.__module__.startswith("tvm_snn.zoo"):
        start_fresh(model)
    if not any(isinstance(module, BinarizedLayer) for module in model.modules()):
        model = convert(
            model,
            weights.tau,
            subset=weights.subset,
            unit=weights.unit,
            subset_size=weights.subset_size,
            activations=weights.activations,
            body="hardtanh",
        )
    return model


def load_run(model: nn.Module, folder: Path, checkpoint: str) -> None:
    """Give `model` the weights of the run in `folder`, float ones where that run ended so.

    Raises TrainingError when they do not fit.
    """
    loaded = load_checkpoint(folder / checkpoint)
    try:
        model.load_state_dict(loaded.model)
    except RuntimeError as error:
        raise TrainingError(f"The run in {folder} is of another network: {error}") from error
    set_float_weights(model, RECIPES[loaded.settings["recipe"]].stages[-1].float_weights)
    model.eval()
