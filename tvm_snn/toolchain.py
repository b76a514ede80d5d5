"""Running compilers, linkers and archivers: the system's, or those of the package ziglang."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from .errors import TargetError
from .files import alone, cache_folder

ZIG = (sys.executable, "-m", "ziglang")
"""How to start zig, whose `cc` and `ar` make programs for every Linux."""

_SECONDS = 600


def run_tool(
    command: Sequence[str | Path], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, in a folder, and return what it said and how it ended.

    Processes of zig run one at a time, for all processes of the user: they share a cache, and those
    that verify the same entry of it at the same time may wait for each other for ever
    (https://github.com/ziglang/zig/issues/22453). Raises TargetError when it takes ten minutes, and
    OSError when there is no such program.
    """
    words = [str(word) for word in command]
    turn = alone(cache_folder("zig") / "lock") if uses_zig(words) else nullcontext()
    with turn:
        try:
            return subprocess.run(
                words, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise TargetError(
                f"{' '.join(words)} had not ended after {_SECONDS} s. Where it is zig, look "
                "whether another process uses its cache; to be found by `zig env`."
            ) from error


def uses_zig(command: Sequence[str]) -> bool:
    """Tell whether a command starts zig."""
    return tuple(command[: len(ZIG)]) == ZIG
