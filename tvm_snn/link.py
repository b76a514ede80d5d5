"""Turn a compiled executable into the bytes of a shared library, for this machine or another."""

import importlib.util
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvm import relax
from tvm.support.cc import get_cc
from tvm.target import Target

from .errors import TargetError
from .target import architecture_of, host_architecture
from .toolchain import ZIG, run_tool

GLIBC_FLOOR = "2.28"
"""The C library that cross-linked code is content with: that of Debian 10 and its Raspberry Pi OS.
"""

# No symbol table and no build id: smaller, and equal networks give equal bytes. Without -O2 zig
# puts 200 KB of its checked run-time library in the place of memcpy and expf.
_FLAGS = ("-shared", "-fPIC", "-s", "-O2", "-Wl,--build-id=none")
_VERSION = re.compile(rb"\0GLIBC_(\d+)\.(\d+)(?:\.\d+)?(?=\0)")


@dataclass(frozen=True)
class Library:
    """A shared library."""

    data: bytes
    glibc: str
    """The oldest version of the GNU C library that it runs with; "" when it is linked to none."""


def link(executable: relax.VMExecutable, target: Target) -> Library:
    """Link an executable into a shared library.

    For this machine's own architecture the system's C compiler does it (the variable CXX, or g++,
    clang++, ...), else the one that the package ziglang brings, which also links for others.
    Raises TargetError when neither is there, or when it fails.
    """
    command = linker_command(target)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.so"
        executable.export_library(str(path), fcompile=_runner(command), workspace_dir=folder)
        data = path.read_bytes()
    return Library(data, GLIBC_FLOOR if crosses(target) else _glibc_of(data))


def crosses(target: Target) -> bool:
    """Return whether code for a target is linked for another architecture than this machine's."""
    return architecture_of(target) != host_architecture()


def linker_command(target: Target) -> list[str]:
    """Return the compiler driver that links for a target, with its first arguments.

    Raises TargetError when there is none.
    """
    if crosses(target):
        zig_target = zig_target_of(target)
        if not importlib.util.find_spec("ziglang"):
            raise TargetError(
                f"Linking for {target.attrs['mtriple']} on {host_architecture()} takes a linker "
                "that can: `pip install ziglang`."
            )
        return [*ZIG, "cc", "-target", f"{zig_target}.{GLIBC_FLOOR}"]
    system = get_cc()
    if system:
        return [system]
    if importlib.util.find_spec("ziglang"):
        return [*ZIG, "cc"]
    raise TargetError(
        "No C compiler was found to link the library. Install one (Debian: `apt install g++`), or "
        "`pip install ziglang`."
    )


def zig_target_of(target: Target) -> str:
    """Return what zig calls the target, without the version of its C library.

    Raises TargetError where no linking is known for: other systems than Linux with the GNU C
    library, other architectures than x86-64, ARM of 64 bits and ARM of 32 bits.
    """
    triple = str(target.attrs["mtriple"])
    architecture, *_, environment = triple.split("-")
    if "linux" in triple:
        if environment == "gnu" and architecture in ("x86_64", "aarch64", "arm64"):
            return f"{architecture.replace('arm64', 'aarch64')}-linux-gnu"
        if environment in ("gnueabihf", "gnueabi") and architecture.startswith("arm"):
            return f"arm-linux-{environment}"
    raise TargetError(
        f"Linking for the triple {triple!r} is not supported. Supported are x86_64-linux-gnu, "
        "aarch64-linux-gnu, armv7-linux-gnueabihf and armv7-linux-gnueabi."
    )


def _runner(command: list[str]) -> Callable[..., None]:
    def run(output: str, objects: list[str], **_unused: Any) -> None:
        whole = [*command, *_FLAGS, "-o", output, *objects]
        result = run_tool(whole)
        if result.returncode:
            raise TargetError(
                f"Linking the library failed: {' '.join(whole)} said\n{result.stderr.strip()}"
            )

    run.output_format = "so"  # type: ignore[attr-defined]
    return run


def _glibc_of(library: bytes) -> str:
    """Return the newest version of the GNU C library whose symbols a library asks for."""
    versions = [(int(major), int(minor)) for major, minor in _VERSION.findall(library)]
    return "{}.{}".format(*max(versions)) if versions else ""
