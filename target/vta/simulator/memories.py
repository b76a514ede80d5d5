"""The accelerator's memories, and DRAM beside it."""

from typing import Any

import numpy as np

from ..configuration import Configuration
from ..dram_layout import PARAMETER_BYTES
from .trap import Trap, TrapError


class Memories:
    """The state of the accelerator between two instructions; everything begins as zero."""

    def __init__(self, hardware: Configuration, dram: np.ndarray) -> None:
        """Make the memories; `dram` (uint8, one dimension) is read and written in place."""
        channels, pixels = hardware.channels, hardware.pixels
        self.dram = dram
        self.activations = np.zeros((4, hardware.activation_lines, channels), np.int8)
        self.subset = np.zeros(hardware.subset_lines, np.uint16)
        index_shape = (hardware.index_lines, hardware.adders, channels)
        self.indices = np.zeros(index_shape, np.uint16)
        self.parameters = np.zeros((hardware.outputs, PARAMETER_BYTES), np.uint8)
        self.residual = np.zeros((hardware.residual_lines, pixels), np.int16)
        self.planes = np.zeros((hardware.plane_lines, pixels), np.int32)
        self.vectors = np.zeros((hardware.vector_lines, channels), np.int8)

    def dram_slice(self, address: int, count: int) -> np.ndarray:
        """Return bytes of DRAM, as a view. Raises TrapError past its end."""
        if address + count > len(self.dram):
            raise TrapError(
                Trap.BUS, f"DRAM bytes {address} to {address + count} of {len(self.dram)}"
            )
        return self.dram[address : address + count]


def lines_of(memory: np.ndarray, first: int, count: int, name: str) -> Any:
    """Return the slice of lines first .. first + count. Raises TrapError past the memory's end."""
    if first + count > len(memory):
        raise TrapError(Trap.ADDRESS, f"{name} lines {first} to {first + count} of {len(memory)}")
    return slice(first, first + count)
