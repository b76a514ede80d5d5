"""What the driver raises."""

from __future__ import annotations

from .registers import Trap


class DriverError(Exception):
    """The accelerator cannot be used, or refused what it was given; the message says why."""


class TrappedError(DriverError):
    """The accelerator stopped at an instruction; `trap` is the reason."""

    def __init__(self, trap: Trap, message: str) -> None:
        """Name the trap and where it came."""
        super().__init__(f"{trap.name}: {message}")
        self.trap = trap


class RunTimeoutError(DriverError):
    """A program did not end in time; the accelerator was reset."""
