"""Cycles of a program by llvm-mca's model of a processor: no processor was measured.

The model has the processor's instruction widths, ports and latencies, and no branches that are
mispredicted. A loop of one block takes what llvm-mca simulates for a turn; any other block what its
instructions take of the busiest resource, or, where they start in order, what they take again and
again. What the first cache lacks comes on top where it is known, line by line (see `machines`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..llvm import simulate_blocks
from .blocks import Block, Counts
from .machines import Machine

_TURNS = 100
_SHARE = 0.9995
"""Share of the instructions that ran that is modelled; the rest takes as long as these do."""


@dataclass(frozen=True)
class Estimate:
    """What running some blocks takes."""

    instructions: int
    """Counted."""
    computing: float | None
    """Cycles by the model of the processor; None where there is none."""
    lines: int | None
    """Lines that the simulated first cache lacked; None where it is not part of the model."""
    waiting: float
    """Cycles that these lines take."""

    @property
    def cycles(self) -> float | None:
        """All of the cycles."""
        return None if self.computing is None else self.computing + self.waiting


def estimate(machine: Machine, counts: Counts) -> Estimate:
    """Return what counted blocks take on a machine, by llvm-mca, and the lines they lacked.

    Raises SnnError when llvm-mca does not take their instructions.
    """
    blocks = counts.blocks
    total = sum(block.runs * len(block.instructions) for block in blocks)
    waiting = _waiting(machine, counts.lines)
    if machine.modelled_by is None:
        return Estimate(total, None, counts.lines, waiting)
    weighed = sorted(blocks, key=lambda block: -block.runs * len(block.instructions))
    chosen, seen = [], 0
    for block in weighed:
        if seen > _SHARE * total:
            break
        chosen.append(block)
        seen += block.runs * len(block.instructions)
    times = block_cycles(machine, chosen)
    cycles = sum(block.runs * time for block, time in zip(chosen, times, strict=True))
    return Estimate(total, cycles * total / max(seen, 1), counts.lines, waiting)


def _waiting(machine: Machine, lines: int | None) -> float:
    return 0.0 if lines is None or machine.cache is None else machine.cache.line_cycles * lines


def block_cycles(machine: Machine, blocks: Sequence[Block]) -> list[float]:
    """Return the cycles of one run of each block."""
    simulated = [block.loops or machine.in_order for block in blocks]
    found: dict[int, float] = {}
    for turns, key, wanted in (
        (_TURNS, "TotalCycles", simulated),
        (1, "BlockRThroughput", [not each for each in simulated]),
    ):
        chosen = [at for at, each in enumerate(wanted) if each]
        summaries = _summaries(machine, [blocks[at] for at in chosen], turns)
        found |= {at: summary[key] / turns for at, summary in zip(chosen, summaries, strict=True)}
    return [found[at] for at in range(len(blocks))]


def block_pressures(machine: Machine, blocks: Sequence[Block]) -> list[dict[str, float]]:
    """Return for each block the cycles of a run that each of the processor's pipes works for."""
    names, regions = _simulate(machine, blocks, _TURNS)
    return [
        {
            names[entry["ResourceIndex"]]: entry["ResourceUsage"]
            for entry in region["ResourcePressureView"]["ResourcePressureInfo"]
            # What comes after the instructions is their sum.
            if entry["InstructionIndex"] == len(block.instructions)
        }
        for block, region in zip(blocks, regions, strict=True)
    ]


def _summaries(machine: Machine, blocks: Sequence[Block], turns: int) -> list[Mapping[str, float]]:
    return [region["SummaryView"] for region in _simulate(machine, blocks, turns)[1]]


def _simulate(
    machine: Machine, blocks: Sequence[Block], turns: int
) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the names of pipes, and what llvm-mca says of each block, run so many times."""
    options = [
        f"-mtriple={machine.triple}",
        f"-mcpu={machine.modelled_by or machine.cpu}",
        "-mattr=+neon",
    ]
    code = [list(map(_assembly, block.instructions)) for block in blocks]
    return simulate_blocks(code, turns, options, "//")


def _assembly(line: str) -> str:
    """Return an instruction of a disassembly as an assembler reads it: jumps lead nowhere."""
    return re.sub(r"(?<![#-])\b0x[0-9a-f]+$", ".", line)
