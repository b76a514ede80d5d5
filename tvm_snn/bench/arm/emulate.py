"""Linking programs for ARM, and running them under qemu."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import SnnError
from ...toolchain import ZIG, run_tool
from .machines import Machine

_LONGEST = 1800
"""Seconds after which a program under qemu is given up."""


def link(machine: Machine, folder: Path, source: str, code: bytes) -> Path:
    """Compile a C program, link it with kernels, and return the path of the result.

    Raises SnnError when the linker is missing or fails.
    """
    main, kernels = folder / "main.c", folder / "kernels.o"
    main.write_text(source)
    kernels.write_bytes(code)
    return _link(machine, folder, ["-O1", main, kernels])


def compile_program(
    machine: Machine,
    folder: Path,
    source: Path,
    defined: Mapping[str, int | str],
    library: Path | None = None,
) -> Path:
    """Compile a C program for exactly this processor, and return the path of the result.

    `defined` are its macros; the header of a static `library` lies beside it. Raises SnnError
    when the compiler is missing or fails.
    """
    code = folder / "program.o"
    macros = [f"-D{name}={value}" for name, value in defined.items()]
    headers = [] if library is None else [f"-I{library.parent}"]
    cpu = f"-mcpu={machine.cpu.replace('-', '_')}"
    _zig(machine, ["-c", "-O2", cpu, *macros, *headers, source, "-o", code])
    return _link(machine, folder, [code] if library is None else [code, library, "-lm"])


def _link(machine: Machine, folder: Path, arguments: Sequence[str | Path]) -> Path:
    program = folder / "program"
    _zig(machine, ["-static", "-s", *arguments, "-o", program])
    return program


def _zig(machine: Machine, arguments: Sequence[str | Path]) -> None:
    result = run_tool([*ZIG, "cc", *machine.linker_target, "-w", *arguments])
    if result.returncode:
        raise SnnError(f"Making a program for {machine.cpu} failed:\n{result.stderr.strip()}")


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
    weights. Raises SnnError when there is no qemu, or the program fails or does not end.
    """
    emulator = find_emulator(machine, dynamic=bool(options))
    command = [emulator, *machine.emulator_options, *options, str(program), str(turns)]
    try:
        result = subprocess.run(
            command, input=data, capture_output=True, check=False, timeout=_LONGEST
        )
    except subprocess.TimeoutExpired as error:
        message = f"{program.name} did not end under {emulator} within {_LONGEST} seconds."
        raise SnnError(message) from error
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
