"""Simulated boards by name, with the driver in charge of their accelerator."""

from ....errors import TargetError
from ..configuration import Configuration
from ..driver import Accelerator
from ..driver.device import Device
from .functional_device import FunctionalDevice
from .rtl_device import RtlDevice

SIMULATORS = ("functional", "rtl")
"""What an accelerator can be simulated with."""


def simulated(hardware: Configuration, simulator: str) -> Accelerator:
    """Return a simulated accelerator; `simulator` is one of SIMULATORS.

    Raises TargetError for another name, SnnError where the RTL cannot be compiled.
    """
    if simulator not in SIMULATORS:
        raise TargetError(
            f"There is no simulator {simulator!r} of the accelerator; there are "
            f"{', '.join(map(repr, SIMULATORS))}."
        )
    rtl = simulator == "rtl"
    device: Device = RtlDevice(hardware) if rtl else FunctionalDevice(hardware)
    return Accelerator(device, hardware.identity)
