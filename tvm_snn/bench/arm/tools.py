"""The tools of LLVM that Debian has, the newest version of each."""

import re
import shutil
from functools import cache
from pathlib import Path

from ...errors import SnnError


@cache
def llvm_tool(name: str) -> str:
    """Return the path of a tool such as llvm-mca; raises SnnError when there is none."""
    found = [(_version(path), str(path)) for path in Path("/usr/bin").glob(f"{name}-[0-9]*")]
    if found:
        return max(found)[1]
    plain = shutil.which(name)
    if plain is None:
        raise SnnError(f"There is no {name}. Install it: apt install llvm.")
    return plain


def _version(path: Path) -> int:
    match = re.search(r"-(\d+)$", path.name)
    return int(match[1]) if match else 0
