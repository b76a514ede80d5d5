"""Boards by name: the target options that describe their processor.

The triple and the float ABI follow from the cpu (see `parse_target`).
"""

from typing import Any

BOARDS: dict[str, dict[str, Any]] = {
    "raspberry-pi-3": {"mcpu": "cortex-a53", "num-cores": 4},
    "raspberry-pi-4": {"mcpu": "cortex-a72", "num-cores": 4},
    "raspberry-pi-5": {"mcpu": "cortex-a76", "num-cores": 4},
    # The processor of the Zynq-7020; compile() also uses the accelerator (see ACCELERATORS).
    "pynq-z2": {"mcpu": "cortex-a9", "num-cores": 2},
}

ACCELERATORS: dict[str, str] = {"pynq-z2": "pynq-z2"}
"""By board: the configuration of the accelerator in its programmable logic."""
