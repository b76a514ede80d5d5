"""From C, machine code and data to a shared library and a static archive."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tvm.target import Target

from ..errors import TargetError
from ..link import linker_command
from ..toolchain import ZIG, run_tool, uses_zig

_COMPILE = ("-std=gnu99", "-O2", "-fPIC", "-fvisibility=hidden", "-ffunction-sections", "-c")
# Equal networks give equal bytes. Of the kernels' functions, and of those that TVM adds for floats
# of 16 bits, none is seen from outside. A C++ compiler would ask for its own library.
_LINK = (
    "-shared",
    "-s",
    "-Wl,--build-id=none",
    "-Wl,--as-needed",
    "-Wl,--gc-sections",
    "-Wl,--version-script=exports.map",
)
_STORED = """\
    .section .rodata
    .balign {alignment}
    .globl {symbol}
    .hidden {symbol}
{symbol}:
    .incbin "{file}"
    .byte 0
    .section .note.GNU-stack,"",%progbits
"""


@dataclass(frozen=True)
class Libraries:
    """The same code in two forms."""

    shared: bytes
    static: bytes


def stored_source(symbol: str, file: str, alignment: int) -> str:
    """Return the assembly of a read-only array with the bytes of a file."""
    return _STORED.format(symbol=symbol, file=file, alignment=alignment)


def build_libraries(
    folder: Path, sources: list[str], objects: Mapping[str, bytes], target: Target, soname: str
) -> Libraries:
    """Compile the sources in a folder, add the object files, and link both libraries.

    `soname` is how programs linked to the shared library will ask for it. Raises TargetError when
    there is no compiler for the target, or when it fails.
    """
    driver = _driver(target)
    for name, data in objects.items():
        (folder / name).write_bytes(data)
    names = list(objects)
    for source in sources:
        names.append(f"{Path(source).stem}.o")
        # A driver for C++ would take a file `.c` for C++.
        language = ["-x", "c"] if source.endswith(".c") else []
        _run([*driver, *_COMPILE, *language, source, "-o", names[-1]], folder)
    named = ["-Xlinker", "-soname", "-Xlinker", soname]
    _run([*driver, *_LINK, *named, *names, "-lm", "-o", "shared.so"], folder)
    _run([*_archiver(driver), "rcsD", "static.a", *names], folder)
    return Libraries((folder / "shared.so").read_bytes(), (folder / "static.a").read_bytes())


def _driver(target: Target) -> list[str]:
    command = linker_command(target)
    # Where zig compiles for its own machine, it would use all that this processor has.
    return [*command, "-mcpu=baseline"] if uses_zig(command) else command


def _archiver(driver: list[str]) -> list[str]:
    """Return the program that makes archives of what a compiler driver compiles."""
    return [*ZIG, "ar"] if uses_zig(driver) else ["ar"]


def _run(command: list[str], folder: Path) -> None:
    try:
        result = run_tool(command, folder)
    except OSError as error:
        raise TargetError(
            f"Cannot run {command[0]}: {error.strerror}. Install binutils."
        ) from error
    if result.returncode:
        raise TargetError(
            f"Making the C library failed: {' '.join(command)} said\n{result.stderr.strip()}"
        )
