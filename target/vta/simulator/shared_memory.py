"""Memory that a simulated accelerator and the program that drives it share, as on a board.

The two see it through a cache that is not coherent: what one side writes, the other one sees only
after `flush` and `invalidate`. A driver that forgets one of them fails here as it would there.
"""

from typing import Any

import numpy as np

from ..driver.errors import DriverError

_BASE = 0x1000_0000
"""Where memory begins: elsewhere than at 0, as on a board."""
_ALIGNMENT = 4096


class SharedMemory:
    """Bytes that the accelerator sees, at addresses from `base`, handed out in buffers."""

    def __init__(self, size: int) -> None:
        """Make memory of so many bytes; the system takes what is touched."""
        self.base = _BASE
        self.bytes = np.zeros(size, np.uint8)
        self._taken: dict[int, int] = {}

    def allocate(self, size: int) -> "SharedBuffer":
        """Return zeroed memory. Raises DriverError when there is no room."""
        if size <= 0:
            raise DriverError(f"Memory of {size} bytes was asked for")
        place = 0
        for start, end in sorted(self._taken.items()):
            if start - place >= size:
                break
            place = -(-end // _ALIGNMENT) * _ALIGNMENT
        if place + size > len(self.bytes):
            used = sum(end - start for start, end in self._taken.items())
            raise DriverError(
                f"No {size} contiguous bytes are left: {used} of {len(self.bytes)} are in use"
            )
        self._taken[place] = place + size
        self.bytes[place : place + size] = 0
        return SharedBuffer(self, place, size)

    def free(self, place: int) -> None:
        """Take a buffer's memory back."""
        self._taken.pop(place, None)


class SharedBuffer(np.ndarray[Any, Any]):
    """One side's view of some of the memory, with the methods of `pynq`'s buffers."""

    _memory: SharedMemory | None
    _place: int

    def __new__(cls, memory: SharedMemory, place: int, size: int) -> "SharedBuffer":
        """Make the view of `size` bytes from `place` on: fresh memory, zero on both sides."""
        made = np.zeros(size, np.uint8).view(cls)
        made._memory, made._place = memory, place
        return made

    def __array_finalize__(self, parent: Any) -> None:
        """Find where a slice lies; what is not a view of a buffer is none."""
        self._memory = None
        if isinstance(parent, SharedBuffer) and parent._memory is not None:
            self._memory = parent._memory
            self._place = parent._place + self.ctypes.data - parent.ctypes.data

    @property
    def device_address(self) -> int:
        """Where the accelerator finds the first byte."""
        return self._shared().base + self._place

    def flush(self) -> None:
        """Make what was written visible to the accelerator."""
        self._shared().bytes[self._place : self._place + self.size] = self

    def invalidate(self) -> None:
        """Make what the accelerator wrote visible."""
        self[:] = self._shared().bytes[self._place : self._place + self.size]

    def freebuffer(self) -> None:
        """Give the memory back."""
        self._shared().free(self._place)

    def _shared(self) -> SharedMemory:
        assert self._memory is not None, "not a view of shared memory"
        return self._memory
