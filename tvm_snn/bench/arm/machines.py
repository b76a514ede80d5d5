"""ARM processors as TVM, the linker, the emulator and llvm-mca know them."""

from dataclasses import dataclass

from tvm.target import Target

from ...schedules.near_cache import LINE_CYCLES
from ...target import parse_target


@dataclass(frozen=True)
class Cache:
    """The cache of data of a core."""

    bytes: int
    ways: int
    line_cycles: float
    """Cycles that a line takes which it lacks: assumed, not measured."""


@dataclass(frozen=True)
class Machine:
    """One processor."""

    cpu: str
    """LLVM's name of it."""
    wide: bool
    """Whether it runs 64-bit code (aarch64); else armv7 with NEON."""
    boards: str
    """Boards that have it."""
    modelled_by: str | None = ""
    """The processor whose scheduling model llvm-mca has, where it has none for this one; None
    where it has no model that comes near."""
    in_order: bool = False
    """Whether it starts instructions in the order of the program."""
    sve_bytes: int = 0
    """Bytes of a vector of SVE, where it has that: the same code has any length."""
    cache: Cache | None = None
    """The first cache, where it is part of the model."""

    @property
    def target(self) -> Target:
        """TVM's description."""
        return parse_target(f"llvm -mcpu={self.cpu}")

    @property
    def linker_target(self) -> list[str]:
        """Options that make `zig cc` link for it: statically, so that nothing else is needed.

        They do not name the processor: zig would compile a C library for each.
        """
        return ["-target", "aarch64-linux-musl" if self.wide else "arm-linux-musleabihf"]

    @property
    def emulator(self) -> str:
        """The emulator's name."""
        return "qemu-aarch64" if self.wide else "qemu-arm"

    @property
    def emulator_options(self) -> list[str]:
        """What the emulator is told of the processor."""
        return ["-cpu", f"max,sve-default-vector-length={self.sve_bytes}"] if self.sve_bytes else []

    @property
    def triple(self) -> str:
        """The triple, as LLVM's tools take it."""
        return "aarch64-linux-gnu" if self.wide else "armv7-unknown-linux-gnueabihf"


_A72_CACHE = Cache(32 * 1024, 2, line_cycles=LINE_CYCLES)
"""As if the second cache, 1 MB on a Raspberry Pi 4, had whatever the first one lacks. A line from
there takes at least 4 cycles over a path of 16 bytes, about 8 where only two are on their way."""

MACHINES: dict[str, Machine] = {
    machine.cpu: machine
    for machine in (
        Machine("cortex-a72", True, "Raspberry Pi 4", cache=_A72_CACHE),
        Machine("cortex-a53", True, "Raspberry Pi 3", in_order=True),
        # LLVM gives the Cortex-A76 the model of the A57; the Neoverse N1 is its server sibling.
        Machine("cortex-a76", True, "Raspberry Pi 5", modelled_by="neoverse-n1"),
        # No board here has products of matrices.
        Machine("neoverse-v1", True, "servers such as AWS Graviton3", sve_bytes=32),
        # llvm-mca crashes on LLVM's model of the Cortex-A9, and does not take that of the A7.
        Machine("cortex-a9", False, "PYNQ-Z2", modelled_by=None),
        Machine("cortex-a7", False, "Raspberry Pi 2", modelled_by=None),
    )
}
