"""A PYNQ board, through the calls of the `pynq` package."""

from __future__ import annotations

import os
import time
from typing import Any

from .device import Buffer, Registers
from .errors import DriverError

CELL = "accelerator"
"""What the accelerator is called in the block design that the bitstream was made of."""


class PynqBoard:
    """The accelerator in a board's programmable logic."""

    def __init__(
        self, bitstream: str | os.PathLike[str], download: bool = True, device: Any = None
    ) -> None:
        """Configure the programmable logic and find the accelerator in it.

        `bitstream` is a .bit file; its .hwh lies beside it. Without `download`, the logic is
        expected to hold it already. `device` is one of `pynq`'s, the board's own by default.
        Raises DriverError without `pynq`, for a file that is not there and for a bitstream without
        an accelerator.
        """
        try:
            import pynq
        except ImportError as error:
            raise DriverError(
                f"A board is used through the Python package pynq, which is not here: {error}. "
                "PYNQ's SD card images bring it."
            ) from error
        path = os.path.abspath(bitstream)
        for needed in (path, os.path.splitext(path)[0] + ".hwh"):
            if not os.path.exists(needed):
                raise DriverError(f"There is no {needed}; a bitstream is a .bit and a .hwh file")
        self._pynq = pynq
        self._overlay = pynq.Overlay(path, download=download, device=device)
        cells = self._overlay.ip_dict
        if CELL not in cells:
            raise DriverError(
                f"{path} has no cell {CELL!r}, only {sorted(cells)}: it was not built by "
                "target/vta/vivado/build.tcl"
            )
        cell = cells[CELL]
        self._registers = pynq.MMIO(
            cell["phys_addr"], cell["addr_range"], device=self._overlay.device
        )

    @property
    def registers(self) -> Registers:
        """The accelerator's registers."""
        mapped: Registers = self._registers
        return mapped

    def allocate(self, size: int) -> Buffer:
        """Return zeroed memory of so many bytes, contiguous and aligned to pages.

        Raises DriverError when the kernel has no such memory left.
        """
        try:
            buffer: Any = self._pynq.allocate((size,), "u1", target=self._overlay.device)
        except (RuntimeError, OSError, MemoryError) as error:
            raise DriverError(
                f"The board has no {size} contiguous bytes left ({error}): close programs that are "
                "not needed, or enlarge the kernel's `cma`"
            ) from error
        buffer[:] = 0
        found: Buffer = buffer
        return found

    def now(self) -> float:
        """Return the processor's time in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
