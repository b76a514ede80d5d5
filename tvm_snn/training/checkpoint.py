"""Checkpoints: all that training needs to go on as if it had not stopped."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import TrainingError
from ..files import replacing

FORMAT = 1


@dataclass
class Position:
    """How far training has come."""

    stage: int = 0
    epoch: int = 0
    """Of the stage."""
    step: int = 0
    """Of the epoch: steps that are done."""
    loss: float = 0.0
    """Sum over the epoch's images so far."""
    correct: float = 0.0
    images: float = 0.0


@dataclass
class Checkpoint:
    """What a checkpoint file holds."""

    settings: dict[str, Any]
    position: Position
    model: dict[str, Any]
    optimizer: dict[str, Any]
    random_state: torch.Tensor
    """Of torch's global generator, which dropout draws from."""

    def save(self, path: Path) -> None:
        """Write the file; raises TrainingError when that is impossible."""
        content = {"format": FORMAT, **vars(self), "position": asdict(self.position)}
        try:
            with replacing(path) as temporary:
                torch.save(content, temporary)
        except (OSError, RuntimeError) as error:
            raise TrainingError(f"Cannot write the checkpoint {path}: {error}.") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in the file is executed.

    Raises TrainingError when it cannot be read or is of another version.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise TrainingError(f"Cannot read the checkpoint {path}: {error}") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise TrainingError(f"{path} is no checkpoint of `tvm-snn train` of this version.")
    return Checkpoint(**{**content, "position": Position(**content["position"])})
