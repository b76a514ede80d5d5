"""Results that are tables for people: on a console of any width, or as plain text by `str()`."""

from abc import ABC, abstractmethod

from rich.console import Console

_TEXT_WIDTH = 120


class Printed(ABC):
    """Something that can be printed on a rich console."""

    @abstractmethod
    def print(self, console: Console) -> None:
        """Print it in the console's width."""

    def __str__(self) -> str:
        """Return what is printed, 120 characters wide."""
        console = Console(width=_TEXT_WIDTH, color_system=None)
        with console.capture() as capture:
            self.print(console)
        return capture.get().rstrip()
