"""Runs programs on the accelerator: on a PYNQ board, or on a simulated one.

This folder needs Python 3.8 or later and numpy, and nothing else of tvm_snn: it may be copied to a
board as it is.

>>> device = PynqBoard("accelerator.bit")  # or simulator.device.RtlDevice, FunctionalDevice
>>> accelerator = Accelerator(device, identity)
>>> program = accelerator.load(instructions, memory)
>>> program.write(image_address, image)
>>> counters = program.run(timeout=1.0)
>>> result = program.read(result_address, size)
>>> program.close()

Everything that can go wrong raises a DriverError.
"""

from .accelerator import Accelerator, Program
from .board import PynqBoard
from .device import Buffer, Device, Registers
from .errors import DriverError, RunTimeoutError, TrappedError
from .registers import Counters, Trap

__all__ = [
    "Accelerator",
    "Buffer",
    "Counters",
    "Device",
    "DriverError",
    "Program",
    "PynqBoard",
    "Registers",
    "RunTimeoutError",
    "Trap",
    "TrappedError",
]
