"""LLVM's tools: where they are, and what llvm-mca says of blocks of instructions."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import SnnError

_LONGEST = 600
"""Seconds after which llvm-mca is given up."""
LEAST_VERSION = 17
"""The first version that has a model of every processor that the benchmarks simulate."""


@cache
def llvm_tool(name: str) -> str:
    """Return the path of a tool such as llvm-mca, the newest version of those on the path.

    Debian names each version's tools after it, such as llvm-mca-19. Raises SnnError when there is
    none, or none of LEAST_VERSION or newer.
    """
    folders = map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep))
    found = [(_version(path), str(path)) for folder in folders for path in folder.glob(f"{name}-*")]
    version, newest = max(found, default=(0, ""))
    if version >= LEAST_VERSION:
        return newest
    if version:
        raise SnnError(
            f"{newest} is of version {version}, and {LEAST_VERSION} or newer is needed. Install "
            f"one, as in: apt install llvm-{LEAST_VERSION}."
        )
    plain = shutil.which(name)
    if plain is None:
        raise SnnError(f"There is no {name}. Install it: apt install llvm.")
    return plain


def simulate_blocks(
    blocks: Sequence[Sequence[str]], turns: int, options: Sequence[str], comment: str
) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the names of a processor's ports, and what llvm-mca says of each block.

    A block is lines of assembly, run so many times; `options` name the processor, `comment` begins
    a comment in its assembly. Raises SnnError when llvm-mca is missing or knows no such
    instruction.
    """
    if not blocks:
        return [], []
    text = []
    for at, lines in enumerate(blocks):
        text += [f"{comment} LLVM-MCA-BEGIN b{at}", *lines, f"{comment} LLVM-MCA-END b{at}"]
    result = subprocess.run(
        [llvm_tool("llvm-mca"), *options, f"-iterations={turns}", "-json"],
        input="\n".join([*text, ""]),
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST,
    )
    if result.returncode:
        raise SnnError(f"llvm-mca does not take this code: {result.stderr[:2000]}")
    said = json.loads(result.stdout)
    regions = {region["Name"]: region for region in said["CodeRegions"]}
    return said["TargetInfo"]["Resources"], [regions[f"b{at}"] for at in range(len(blocks))]


def _version(path: Path) -> int:
    match = re.search(r"-(\d+)$", path.name)
    return int(match[1]) if match else 0
