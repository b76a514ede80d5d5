"""Cycles of a program by llvm-mca's model of a processor: no processor was measured.

The model has the processor's instruction widths, ports and latencies, and knows neither caches nor
branches that are mispredicted. A loop of one block takes what llvm-mca simulates for a turn; any
other block what its instructions take of the busiest resource.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import SnnError
from .blocks import Block
from .machines import Machine
from .tools import llvm_tool

_TURNS = 100
_SHARE = 0.9995
"""Share of the instructions that ran that is modelled; the rest takes as long as these do."""


@dataclass(frozen=True)
class Estimate:
    """What running some blocks takes."""

    instructions: int
    """Counted."""
    cycles: float | None
    """By the model; None for 32-bit ARM, whose models llvm-mca lacks or stumbles over."""
    hottest: list[tuple[Block, float]]
    """Blocks with the cycles of one run of each, by the cycles of all their runs."""


def estimate(machine: Machine, blocks: Sequence[Block]) -> Estimate:
    """Return what blocks that ran take on a machine: counted, and timed by llvm-mca.

    Raises SnnError when llvm-mca does not take their instructions.
    """
    total = sum(block.runs * len(block.instructions) for block in blocks)
    if not machine.wide:
        return Estimate(total, None, [])
    weighed = sorted(blocks, key=lambda block: -block.runs * len(block.instructions))
    chosen, seen = [], 0
    for block in weighed:
        if seen > _SHARE * total:
            break
        chosen.append(block)
        seen += block.runs * len(block.instructions)
    times = block_cycles(machine, chosen)
    timed = list(zip(chosen, times, strict=True))
    timed.sort(key=lambda pair: -pair[0].runs * pair[1])
    cycles = sum(block.runs * time for block, time in timed)
    return Estimate(total, cycles * total / max(seen, 1), timed)


def block_cycles(machine: Machine, blocks: Sequence[Block]) -> list[float]:
    """Return the cycles of one run of each block."""
    comment = "//" if machine.wide else "@"
    text = []
    for at, block in enumerate(blocks):
        lines = map(_assembly, block.instructions)
        text += [f"{comment} LLVM-MCA-BEGIN b{at}", *lines, f"{comment} LLVM-MCA-END b{at}"]
    source = "\n".join([*text, ""])
    command = [
        llvm_tool("llvm-mca"),
        f"-mtriple={machine.triple}",
        f"-mcpu={machine.modelled_by or machine.cpu}",
        f"-iterations={_TURNS}",
        "-mattr=+neon",
        "-json",
    ]
    result = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SnnError(f"llvm-mca does not take this code: {result.stderr[:2000]}")
    regions = {
        region["Name"]: region["SummaryView"] for region in json.loads(result.stdout)["CodeRegions"]
    }
    return [_cycles(regions[f"b{at}"], block) for at, block in enumerate(blocks)]


def _cycles(summary: Mapping[str, float], block: Block) -> float:
    if block.loops:
        return summary["TotalCycles"] / _TURNS
    return summary["BlockRThroughput"]


def _assembly(line: str) -> str:
    """Return an instruction of a disassembly as an assembler reads it: jumps lead nowhere."""
    return re.sub(r"(?<!#)\b0x[0-9a-f]+$", ".", line)
