"""The C compiler that counting instructions and replaying loops take."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..errors import SnnError

_LONGEST = 120
"""Seconds after which it is given up."""


def compile_code(arguments: Sequence[str | Path]) -> None:
    """Run the C compiler; raises SnnError when there is none, or it fails."""
    compiler = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        raise SnnError("Counting instructions needs a C compiler: apt install gcc.")
    result = subprocess.run(
        [compiler, *arguments], capture_output=True, text=True, check=False, timeout=_LONGEST
    )
    if result.returncode:
        raise SnnError(f"{compiler} failed: {result.stderr.strip()}")
