"""What is seen of training: a bar on a terminal, a line an epoch elsewhere."""

from collections.abc import Iterator
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .checkpoint import Position
from .data import Batch
from .log import Row


class Display:
    """Progress on the error stream; only the first of several processes shows any."""

    def __init__(self, shown: bool) -> None:
        """Show something or nothing."""
        self._shown = shown
        console = Console(stderr=True, highlight=False)
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not shown or not console.is_terminal,
        )

    def __enter__(self) -> "Display":
        """Start."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._progress.stop()

    def steps(
        self, batches: Iterator[Batch], position: Position, steps: int, stage: str
    ) -> Iterator[Batch]:
        """Show how far an epoch has come while its batches are taken."""
        task = self._progress.add_task(
            f"{stage} {position.epoch + 1}", total=steps, completed=position.step, loss=float("nan")
        )
        for batch in batches:
            yield batch
            loss = position.loss / position.images
            self._progress.update(task, advance=1, loss=loss)
        self._progress.remove_task(task)

    def epoch(self, row: Row, epochs: int) -> None:
        """Print a line about an epoch that is over."""
        if self._shown:
            self._console.print(
                f"{row.stage} {row.epoch}/{epochs}: loss {row.train_loss:.3f}, "
                f"accuracy {row.train_accuracy:.2%}, test loss {row.test_loss:.3f}, "
                f"test accuracy {row.test_accuracy:.2%}, {row.seconds:.0f} s",
                soft_wrap=True,
            )
