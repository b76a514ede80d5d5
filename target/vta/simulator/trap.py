"""What stops the accelerator."""

from ....errors import SnnError
from ..driver.registers import Trap

__all__ = ["Trap", "TrapError"]


class TrapError(SnnError):
    """The accelerator stopped; `trap` is the status code."""

    def __init__(self, trap: Trap, message: str) -> None:
        """Name the code and what went wrong."""
        super().__init__(f"{trap.name}: {message}")
        self.trap = trap
