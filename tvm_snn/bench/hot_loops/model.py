"""Cycles of blocks of instructions by llvm-mca, on its model of Sapphire Rapids.

The model has the processor's widths, ports and latencies, and neither caches nor branches that are
mispredicted. A loop of one block takes what llvm-mca simulates for a turn; any other block what
its instructions take of the busiest port, since instructions around it run at the same time.
"""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import SnnError
from ..arm.tools import llvm_tool
from .steps import Block

_MODEL = "sapphirerapids"
_TURNS = 200
_LONGEST = 300
"""Seconds after which llvm-mca is given up."""


@dataclass(frozen=True)
class Modelled:
    """A block, and what a run of it takes."""

    block: Block
    cycles: float
    ports: dict[str, float]
    """Cycles that each port works for."""


def modelled(blocks: Sequence[Block]) -> list[Modelled]:
    """Return what blocks take; raises SnnError when llvm-mca does not know an instruction."""
    found: dict[int, Modelled] = {}
    for loops, turns in ((True, _TURNS), (False, 1)):
        chosen = [at for at, block in enumerate(blocks) if block.loops is loops]
        names, regions = _simulate([blocks[at] for at in chosen], turns)
        for at, region in zip(chosen, regions, strict=True):
            summary = region["SummaryView"]
            cycles = summary["TotalCycles"] / turns if loops else summary["BlockRThroughput"]
            found[at] = Modelled(blocks[at], cycles, _ports(names, region, blocks[at]))
    return [found[at] for at in range(len(blocks))]


def _ports(names: Sequence[str], region: dict[str, Any], block: Block) -> dict[str, float]:
    return {
        re.sub(r"^SPRPort0?", "", names[entry["ResourceIndex"]]): entry["ResourceUsage"]
        for entry in region["ResourcePressureView"]["ResourcePressureInfo"]
        # What comes after the instructions is their sum.
        if entry["InstructionIndex"] == len(block.instructions)
    }


def _simulate(blocks: Sequence[Block], turns: int) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the names of the ports, and what llvm-mca says of each block, run so many times."""
    if not blocks:
        return [], []
    text = []
    for at, block in enumerate(blocks):
        lines = map(_assembly, block.instructions)
        text += [f"# LLVM-MCA-BEGIN b{at}", *lines, f"# LLVM-MCA-END b{at}"]
    command = [llvm_tool("llvm-mca"), "-mtriple=x86_64-linux-gnu", f"-mcpu={_MODEL}"]
    result = subprocess.run(
        [*command, f"-iterations={turns}", "-json"],
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


def _assembly(line: str) -> str:
    """Return an instruction of a disassembly as an assembler reads it: jumps lead nowhere."""
    return re.sub(r"^(j\w+|callq) 0x[0-9a-f]+$", r"\1 .", line)
