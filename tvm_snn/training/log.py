"""What training has measured, epoch by epoch: a CSV file, and TensorBoard where it is asked for."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import TrainingError
from ..files import replacing


@dataclass(frozen=True)
class Row:
    """One epoch."""

    stage: str
    epoch: int
    """Of the stage, counted from 1."""
    learning_rate: float
    """At the end of the epoch."""
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    """Training and testing, of this process since it started or resumed the epoch."""


class Log:
    """`log.csv` in the folder of a run, written anew with every row."""

    def __init__(self, folder: Path, keep: int, tensorboard: bool) -> None:
        """Keep the first `keep` rows of a log that is there; raises TrainingError if it has less.

        With `tensorboard`, rows also go to event files in the folder `tensorboard`.
        """
        self._path = folder / "log.csv"
        self.rows: list[Row] = []
        if keep:
            self.rows = read_log(self._path)[:keep]
            if len(self.rows) < keep:
                raise TrainingError(
                    f"{self._path} has {len(self.rows)} rows, but the checkpoint beside it was "
                    f"written after {keep} epochs: they do not belong together."
                )
        self._events = _event_writer(folder / "tensorboard") if tensorboard else None

    def add(self, row: Row) -> None:
        """Add an epoch."""
        self.rows.append(row)
        names = [field.name for field in fields(Row)]
        with replacing(self._path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(asdict(row) for row in self.rows)
        if self._events is not None:
            for name in names[2:]:
                self._events.add_scalar(f"{row.stage}/{name}", getattr(row, name), row.epoch)
            self._events.flush()


def read_log(path: Path) -> list[Row]:
    """The rows of a `log.csv`; raises TrainingError when it cannot be read."""
    try:
        with open(path, newline="") as file:
            return [
                Row(**{f.name: f.type(row[f.name]) for f in fields(Row)})  # type: ignore[operator]
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise TrainingError(f"Cannot read the log {path}: {error}.") from error


def _event_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainingError(
            "TensorBoard is not installed: pip install tensorboard, or train without --tensorboard."
        ) from error
    return SummaryWriter(str(folder))
