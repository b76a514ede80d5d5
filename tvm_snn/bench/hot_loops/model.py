"""Cycles of blocks of instructions by llvm-mca, on its model of this machine's processor.

The model has the processor's widths, ports and latencies, and neither caches nor branches that are
mispredicted. A loop of one block takes what llvm-mca simulates for a turn; any other block what
its instructions take of the busiest port, since instructions around it run at the same time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...target import features_of, parse_target
from ..llvm import simulate_blocks
from ..targets import HOST
from .steps import Block

_TRIPLE = "-mtriple=x86_64-linux-gnu"
_PORT = re.compile(r"^(SPRPort0?|Zn4)")
"""What the names of ports begin with."""
_TURNS = 200


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
    processor = [_TRIPLE, f"-mcpu={_processor()}"]
    for loops, turns in ((True, _TURNS), (False, 1)):
        chosen = [at for at, block in enumerate(blocks) if block.loops is loops]
        names, regions = simulate_blocks(
            [list(map(_assembly, blocks[at].instructions)) for at in chosen], turns, processor, "#"
        )
        for at, region in zip(chosen, regions, strict=True):
            summary = region["SummaryView"]
            cycles = summary["TotalCycles"] / turns if loops else summary["BlockRThroughput"]
            found[at] = Modelled(blocks[at], cycles, _ports(names, region, blocks[at]))
    return [found[at] for at in range(len(blocks))]


def _processor() -> str:
    """Return LLVM's name of the processor that is most like this machine's."""
    return "znver4" if features_of(parse_target(HOST)).split_vectors else "sapphirerapids"


def _ports(names: Sequence[str], region: dict[str, Any], block: Block) -> dict[str, float]:
    return {
        _port(names[entry["ResourceIndex"]]): entry["ResourceUsage"]
        for entry in region["ResourcePressureView"]["ResourcePressureInfo"]
        # What comes after the instructions is their sum.
        if entry["InstructionIndex"] == len(block.instructions)
    }


def _port(name: str) -> str:
    """Return a port's name; of several that are alike, llvm-mca writes the number as a byte."""
    name = _PORT.sub("", name)
    return name[:-1] + str(ord(name[-1])) if ord(name[-1]) < ord(" ") else name


def _assembly(line: str) -> str:
    """Return an instruction of a disassembly as an assembler reads it: jumps lead nowhere."""
    return re.sub(r"^(j\w+|callq) 0x[0-9a-f]+$", r"\1 .", line)
