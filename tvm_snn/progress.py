"""Says on a terminal what takes so long; quiet when the output is not a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def phase(description: str) -> Iterator[None]:
    """Show `description` on the error stream's last line while the block runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(description):
        yield
