"""Boards by name: the target options that describe their processor.

The triple and the float ABI follow from the cpu (see `parse_target`).
"""

from typing import Any

BOARDS: dict[str, dict[str, Any]] = {
    "raspberry-pi-3": {"mcpu": "cortex-a53", "num-cores": 4},
    "raspberry-pi-4": {"mcpu": "cortex-a72", "num-cores": 4},
    "raspberry-pi-5": {"mcpu": "cortex-a76", "num-cores": 4},
    # The ARM side of the Zynq-7020.
    "pynq-z2": {"mcpu": "cortex-a9", "num-cores": 2},
}
