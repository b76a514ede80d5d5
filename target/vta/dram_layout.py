"""How the lines of each memory lie in DRAM.

Every line takes a power of two of bytes, so that lines and bus words divide one another.
"""

from .configuration import Configuration
from .isa.instruction_set import Memory, Plane

PARAMETER_BYTES = 16
"""scale int16, slope int16, bias int32, threshold int32, low int16, high int16."""


def line_bytes(memory: Memory, hardware: Configuration, planes: int) -> int:
    """Return the bytes of a line of one of the memories that LOAD fills.

    `planes` are the bit planes of an index line: `adders * channels` bits each, plane after plane.
    """
    if memory is Memory.SUBSET:
        return 2
    if memory is Memory.INDEX:
        return planes * plane_bytes(hardware)
    if memory is Memory.PARAMETER:
        return PARAMETER_BYTES
    return _power_of_two(2 * hardware.pixels)


def plane_bytes(hardware: Configuration) -> int:
    """Return the bytes of one bit plane of an index line."""
    return hardware.adders * hardware.channels // 8


def vector_bytes(hardware: Configuration) -> int:
    """Return the bytes of an activation vector: `channels` activations."""
    return hardware.channels * hardware.activation_bits // 8


def result_bytes(plane: Plane, hardware: Configuration) -> int:
    """Return the bytes of a line of results: int32 accumulators or int16 trunk."""
    return _power_of_two((4 if plane is Plane.ACCUMULATOR else 2) * hardware.pixels)


def _power_of_two(count: int) -> int:
    return 1 << (count - 1).bit_length()
