"""What stops the accelerator."""

from enum import IntEnum

from ....errors import SnnError


class Trap(IntEnum):
    """The status register's code."""

    NONE = 0
    OPCODE = 1
    """An opcode that does not exist."""
    FIELD = 2
    """A field whose value is not legal."""
    ADDRESS = 3
    """A line past the end of a memory."""
    BUS = 4
    """An error on the memory bus."""
    DEADLOCK = 5
    """Every engine waits for another."""


class TrapError(SnnError):
    """The accelerator stopped; `trap` is the status code."""

    def __init__(self, trap: Trap, message: str) -> None:
        """Name the code and what went wrong."""
        super().__init__(f"{trap.name}: {message}")
        self.trap = trap
