"""Turn a compiled executable into the bytes of a shared library."""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tvm import relax
from tvm.support.cc import get_cc

from .errors import TargetError

# No symbol table and no build id: smaller, and equal networks give equal bytes.
_FLAGS = ("-shared", "-fPIC", "-s", "-Wl,--build-id=none")


def link(executable: relax.VMExecutable) -> bytes:
    """Link an executable into a shared library and return its bytes.

    The system's C compiler does it (the variable CXX, or g++, clang++, ...), else the one that
    the package ziglang brings. Raises TargetError when there is neither, or when it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.so"
        executable.export_library(str(path), fcompile=_run_linker, workspace_dir=folder)
        return path.read_bytes()


def _run_linker(output: str, objects: list[str], **_unused: Any) -> None:
    command = [*_compiler(), *_FLAGS, "-o", output, *objects]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise TargetError(
            f"Linking the library failed: {' '.join(command)} said\n{result.stderr.strip()}"
        )


_run_linker.output_format = "so"  # type: ignore[attr-defined]


def _compiler() -> list[str]:
    system = get_cc()
    if system:
        return [system]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "c++"]
    raise TargetError(
        "No C compiler was found to link the library. Install one (Debian: `apt install g++`), or "
        "`pip install ziglang`."
    )
