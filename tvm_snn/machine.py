"""What a machine is, what code asks of one, and why the two may not fit."""

import os
from dataclasses import dataclass

from tvm.target import Target

from .target import (
    architecture_of,
    extensions_of,
    host_architecture,
    host_extensions,
    host_processor,
)


@dataclass(frozen=True)
class Machine:
    """A machine that networks run on."""

    architecture: str
    """"x86_64", "aarch64", ..."""
    extensions: tuple[str, ...]
    """Instruction set extensions of its processor."""
    glibc: str
    """Version of its GNU C library; "" when it has another one."""
    name: str
    """Its processor or board, for people."""


@dataclass(frozen=True)
class Requirements:
    """What machine code asks of the machine it runs on."""

    architecture: str
    extensions: tuple[str, ...]
    glibc: str
    """The oldest version of the GNU C library that will do; "" when there is none."""
    processor: str
    """The processor it was compiled for; "" when none was named."""

    @classmethod
    def of(cls, target: Target, glibc: str = "") -> "Requirements":
        """Return what code for a target asks for."""
        return cls(
            architecture_of(target),
            tuple(sorted(extensions_of(target))),
            glibc,
            str(target.attrs.get("mcpu", "")),
        )

    def __str__(self) -> str:
        """Return them as people write them."""
        parts = [self.architecture]
        if self.processor:
            parts.append(f"as in {self.processor}")
        if self.extensions:
            parts.append(f"with {', '.join(self.extensions)}")
        if self.glibc:
            parts.append(f"and the GNU C library {self.glibc} or newer")
        return " ".join(parts)

    def misfit(self, machine: Machine) -> str | None:
        """Return, as sentences, why code does not run on a machine, or None when it does."""
        if self.architecture != machine.architecture:
            return (
                f"The network was compiled for {self}; {machine.name} is {machine.architecture}. "
                f"Run it on such a machine, or compile it anew for this one."
            )
        missing = sorted(set(self.extensions) - set(machine.extensions))
        if missing:
            return (
                f"The network was compiled for a processor with {', '.join(missing)}, which "
                f"{machine.name} lacks. Compile it with target='host' there, or name that "
                "machine's processor in the target."
            )
        if self.glibc and machine.glibc and _numbers(machine.glibc) < _numbers(self.glibc):
            return (
                f"The network needs the GNU C library {self.glibc} or newer, {machine.name} has "
                f"{machine.glibc}. Compile it on a machine of another architecture, which links "
                "for older ones, or on that machine itself."
            )
        return None


def this_machine() -> Machine:
    """Return what this machine is."""
    return Machine(
        host_architecture(), tuple(sorted(host_extensions())), _glibc(), f"{host_processor()}"
    )


def _glibc() -> str:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (OSError, ValueError):
        return ""
    return version if name == "glibc" else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
