"""Fetch programs and images that some tests take, where the machine lacks them; needs no root.

    python -m tests.tools.provision

They come from Debian's packages, which are unpacked in the user's cache and never installed. Where
there is no apt, or it has no such package, the tests that take them are skipped.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.debian import (
    CACHE,
    Archive,
    FetchError,
    contents,
    filled,
    has_apt,
    native_architecture,
)
from tvm_snn.bench.llvm import LEAST_VERSION
from tvm_snn.training.data.fashion_mnist import DEFAULT_FOLDER

ROOT = CACHE / "tools"
PROGRAMS = ROOT / "bin"
"""Scripts that start the programs; a folder for PATH."""
PACKAGES = {"qemu-aarch64": "qemu-user", "iverilog": "iverilog", "tclsh": "tcl"}
"""What has a program."""
_IMAGES, _LLVM = "dataset-fashion-mnist", "llvm"
_ICARUS = {"iverilog": "-B", "vvp": "-M"}
"""Programs that look for their parts where they were to be installed, and what tells them."""


def fashion_mnist() -> Path | None:
    """Return the folder of the real images, or None where there are none."""
    folders = [DEFAULT_FOLDER, ROOT / DEFAULT_FOLDER.relative_to("/")]
    return next((folder for folder in folders if folder.is_dir()), None)


def main() -> None:
    """Fetch what is missing."""
    names = list(_missing())
    wanted = "\n".join(names)
    if not names or contents(ROOT) == wanted:
        return
    if not has_apt():
        print(f"No apt here: tests that take {', '.join(names)} will be skipped.")
        return
    print(f"fetching {', '.join(names)} (110 MB at most)", flush=True)
    try:
        with Archive(native_architecture(), beside_installed=True) as archive:
            newest = max(archive.names(r"^llvm-[0-9]+$"), key=_version, default=_LLVM)
            with filled(ROOT, wanted) as building:
                archive.unpack([newest if name == _LLVM else name for name in names], building)
                _write_starters(building)
    except FetchError as error:
        print(f"Tests that take {', '.join(names)} will be skipped: {error}")


def _missing() -> Iterator[str]:
    for program, package in PACKAGES.items():
        if shutil.which(program) is None:
            yield package
    if not any(shutil.which(f"llvm-mca-{version}") for version in range(LEAST_VERSION, 100)):
        yield _LLVM
    if not DEFAULT_FOLDER.is_dir():
        yield _IMAGES


def _version(package: str) -> int:
    return int(package.rpartition("-")[2])


def _write_starters(building: Path) -> None:
    """Write a script for each program, which shows it the libraries that came with it."""
    usr = ROOT / "usr"
    folders = {path.parent for path in (building / "usr/lib").glob("*-linux-gnu/*.so*")}
    libraries = ":".join(str(ROOT / folder.relative_to(building)) for folder in folders)
    parts = usr / "lib" / f"{os.uname().machine}-linux-gnu" / "ivl"
    starters = building / PROGRAMS.relative_to(ROOT)
    starters.mkdir()
    for program in (building / "usr/bin").glob("*"):
        options = [_ICARUS[program.name], parts] if program.name in _ICARUS else []
        command = " ".join(map(str, [usr / "bin" / program.name, *options]))
        starter = starters / program.name
        starter.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {command} "$@"\n')
        starter.chmod(0o755)


if __name__ == "__main__":
    main()
