"""The tools of LLVM, the newest version of each that is on the path."""

import os
import re
import shutil
from functools import cache
from pathlib import Path

from ...errors import SnnError


@cache
def llvm_tool(name: str) -> str:
    """Return the path of a tool such as llvm-mca; raises SnnError when there is none.

    Debian names each version's tools after it, such as llvm-mca-19.
    """
    folders = map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep))
    found = [(_version(path), str(path)) for folder in folders for path in folder.glob(f"{name}-*")]
    version, newest = max(found, default=(0, ""))
    if version:
        return newest
    plain = shutil.which(name)
    if plain is None:
        raise SnnError(f"There is no {name}. Install it: apt install llvm.")
    return plain


def _version(path: Path) -> int:
    match = re.search(r"-(\d+)$", path.name)
    return int(match[1]) if match else 0
