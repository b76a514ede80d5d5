"""Linking programs for ARM, and running them under qemu."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ...errors import SnnError
from .machines import Machine


def link(machine: Machine, folder: Path, source: str, code: bytes) -> Path:
    """Compile a C program, link it with kernels, and return the path of the result.

    Raises SnnError when the linker is missing or fails.
    """
    main, kernels, program = folder / "main.c", folder / "kernels.o", folder / "program"
    main.write_text(source)
    kernels.write_bytes(code)
    # UBSan, on by default in zig's debug mode, would look for C++ in it.
    options = ["-O1", "-static", "-s", "-w", "-o"]
    command = [sys.executable, "-m", "ziglang", "cc", *machine.linker_target, *options]
    result = subprocess.run(
        [*command, program, main, kernels], capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise SnnError(f"Linking for {machine.cpu} failed:\n{result.stderr.strip()}")
    return program


def emulate(
    machine: Machine,
    program: Path,
    data: bytes,
    *,
    options: Sequence[str] = (),
    turns: int = 1,
) -> bytes:
    """Run a program under qemu and return what it wrote.

    `options` are qemu's, and `turns` says how often to run what follows the preparation of the
    weights. Raises SnnError when there is no qemu or the program fails.
    """
    emulator = find_emulator(machine, dynamic=bool(options))
    command = [emulator, *options, str(program), str(turns)]
    result = subprocess.run(command, input=data, capture_output=True, check=False)
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip()
        raise SnnError(f"{program.name} failed under {emulator} ({result.returncode}): {said}")
    return result.stdout


def find_emulator(machine: Machine, *, dynamic: bool = False) -> str:
    """Return the path of qemu's user-mode emulator; only the dynamic one takes plugins."""
    names = [machine.emulator] if dynamic else [f"{machine.emulator}-static", machine.emulator]
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    package = "qemu-user" if dynamic else "qemu-user-static"
    raise SnnError(f"There is no {names[0]}. Install it: apt install {package}.")
