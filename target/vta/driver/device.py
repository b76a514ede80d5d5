"""What the driver asks of a device: registers, memory that the accelerator sees, and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # boards may have a numpy that is older than numpy.typing
    from numpy.typing import NDArray


class Registers(Protocol):
    """The accelerator's registers, 32 bits each; `pynq.MMIO` is one."""

    def read(self, offset: int = 0) -> int:
        """Return the register at a byte offset."""

    def write(self, offset: int, data: int) -> None:
        """Set the register at a byte offset."""


class Buffer(Protocol):
    """Memory that both sides see, contiguous for the accelerator; `pynq.allocate` returns one.

    It is a numpy array of bytes, with one dimension. A slice of it is a buffer too.
    """

    @property
    def device_address(self) -> int:
        """Where the accelerator finds the first byte."""

    def flush(self) -> None:
        """Make what the processor wrote visible to the accelerator."""

    def invalidate(self) -> None:
        """Make what the accelerator wrote visible to the processor."""

    def freebuffer(self) -> None:
        """Give the memory back."""

    def __getitem__(self, place: slice) -> Any:
        """Return some of the bytes, as a view."""

    def __setitem__(self, place: slice, data: NDArray[Any]) -> None:
        """Set some of the bytes."""

    def __len__(self) -> int:
        """Return the number of bytes."""


class Device(Protocol):
    """A board, or a simulation of one."""

    @property
    def registers(self) -> Registers:
        """The accelerator's registers."""

    def allocate(self, size: int) -> Buffer:
        """Return zeroed memory of so many bytes, aligned to at least 64 bytes.

        Raises DriverError when there is not so much left.
        """

    def now(self) -> float:
        """Return the device's time in seconds: a simulated one's is counted in cycles."""

    def sleep(self, seconds: float) -> None:
        """Let so much of the device's time pass."""
