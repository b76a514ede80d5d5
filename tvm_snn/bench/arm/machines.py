"""ARM processors as TVM, the linker, the emulator and llvm-mca know them."""

from dataclasses import dataclass

from tvm.target import Target

from ...target import parse_target


@dataclass(frozen=True)
class Machine:
    """One processor."""

    cpu: str
    """LLVM's name of it."""
    wide: bool
    """Whether it runs 64-bit code (aarch64); else armv7 with NEON."""
    boards: str
    """Boards that have it."""
    modelled_by: str = ""
    """The processor whose scheduling model llvm-mca has, where it has none for this one."""

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
    def triple(self) -> str:
        """The triple, as LLVM's tools take it."""
        return "aarch64-linux-gnu" if self.wide else "armv7-unknown-linux-gnueabihf"


MACHINES: dict[str, Machine] = {
    machine.cpu: machine
    for machine in (
        Machine("cortex-a72", True, "Raspberry Pi 4"),
        Machine("cortex-a53", True, "Raspberry Pi 3"),
        # LLVM gives the Cortex-A76 the model of the A57; the Neoverse N1 is its server sibling.
        Machine("cortex-a76", True, "Raspberry Pi 5", modelled_by="neoverse-n1"),
        Machine("cortex-a9", False, "PYNQ-Z2"),
        Machine("cortex-a7", False, "Raspberry Pi 2"),
    )
}
