"""The RTL as a simulated board, for the driver."""

from ..configuration import Configuration
from .shared_memory import SharedBuffer, SharedMemory
from .simulation import MemoryModel, Simulation, load_library
from .verilated import compiled_library


class RtlDevice:
    """A simulated board with the Verilated accelerator; its time is counted in clock cycles."""

    def __init__(
        self,
        hardware: Configuration,
        model: MemoryModel | None = None,
        memory_bytes: int = 1 << 28,
    ) -> None:
        """Make a board with so much memory. The RTL comes from the cache, or is compiled.

        Raises SnnError when Verilator or the C++ compiler is missing or fails.
        """
        self._hertz = hardware.clock_mhz * 1e6
        self._memory = SharedMemory(memory_bytes)
        self._simulation = Simulation(
            load_library(compiled_library(hardware)),
            self._memory.bytes,
            model or MemoryModel(),
            self._memory.base,
        )

    @property
    def registers(self) -> Simulation:
        """The accelerator's registers; reading or writing one takes two cycles."""
        return self._simulation

    def allocate(self, size: int) -> SharedBuffer:
        """Return zeroed memory. Raises DriverError when there is no room."""
        return self._memory.allocate(size)

    def now(self) -> float:
        """Return the seconds since the beginning."""
        return self._simulation.cycles / self._hertz

    def sleep(self, seconds: float) -> None:
        """Let the accelerator work for so long, or until it interrupts."""
        self._simulation.run(max(1, round(seconds * self._hertz)))
