"""Recipes: which weights are binary when, optimiser, schedule and losses."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from ..nn.subsets import SubsetPolicy


@dataclass(frozen=True)
class Stage:
    """A part of training with one optimiser and one schedule."""

    name: str
    optimizer: Literal["sgd", "adam"]
    learning_rate: float
    schedule: Literal["cosine", "linear"]
    weight_decay: float
    float_weights: bool = False
    """Whether weights stay float in this stage: two-step training binarises activations first."""

    def rate(self, done: float) -> float:
        """The learning rate when the part `done` (0 to 1) of the stage is over."""
        if self.schedule == "linear":
            return self.learning_rate * (1 - done)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def make_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of the stage; what subsets learn is not decayed: its size has a meaning."""
        kept = {
            parameter
            for module in model.modules()
            if isinstance(module, SubsetPolicy)
            for parameter in module.parameters()
        }
        groups: list[dict[str, Any]] = [
            {"params": [p for p in model.parameters() if p not in kept]},
            {"params": [p for p in model.parameters() if p in kept], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        if self.optimizer == "adam":
            return torch.optim.Adam(
                groups, self.learning_rate, weight_decay=self.weight_decay, fused=True
            )
        return torch.optim.SGD(
            groups, self.learning_rate, momentum=0.9, weight_decay=self.weight_decay, fused=True
        )


@dataclass(frozen=True)
class Recipe:
    """Stages one after the other, each of as many epochs as the user says."""

    stages: tuple[Stage, ...] = field(default_factory=tuple)


RECIPES = {
    "paper": Recipe((Stage("binary", "sgd", 0.1, "cosine", 1e-4),)),
    "two-step": Recipe(
        (
            Stage("activations", "adam", 1e-3, "linear", 1e-5, float_weights=True),
            Stage("weights", "adam", 1e-3, "linear", 0.0),
        )
    ),
    "float": Recipe((Stage("float", "sgd", 0.1, "cosine", 1e-4, float_weights=True),)),
}
"""`paper`: Wang et al., "Sub-bit Neural Networks", ICCV 2021. `two-step`: its public code, which
first binarises activations, then weights, and follows a teacher. `float`: float weights all along,
for a teacher or to compare with."""
