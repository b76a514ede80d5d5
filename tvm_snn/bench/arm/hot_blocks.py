"""Where chosen kernels spend their cycles: their busiest blocks, and the pipes these keep busy."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..layers_of_resnet18 import Layer
from ..table import Table, code_table
from .blocks import Counts
from .kernels import KINDS, Kind, count_chosen
from .machines import Machine
from .model import block_cycles, block_pressures, estimate

_KINDS = ("BNN W1A1", "SNN W1A1, pairs, K = 16", "SNN W1A32, K = 32")
_MODELLED, _SHOWN, _PIPES = 40, 3, 3
"""Blocks of a kernel with the most instructions that are modelled; those of them with the most
cycles, and their pipes, that are shown."""
_LONG = 150
"""Instructions beyond which a block's are not shown: loops that were written out."""


@dataclass(frozen=True)
class HotBlock:
    """A block of a kernel, by the model of a processor."""

    cpu: str
    layer: str
    kind: str
    strategy: str
    share: float
    """Of the kernel's cycles without what its first cache lacks."""
    runs: int
    cycles: float
    """Of a run."""
    pipes: dict[str, float]
    """Cycles of a run that each pipe works for, those of the busiest first."""
    waiting: float
    """Share of all of the kernel's cycles that are for lines which the first cache lacks."""
    instructions: tuple[str, ...]


def hot_blocks(layer: Layer, machine: Machine) -> Iterator[HotBlock]:
    """Return the busiest blocks of the kernels that are chosen for a layer.

    Raises VerificationError when a kernel gives a wrong result, SnnError when a tool is missing.
    """
    for kind in KINDS:
        if kind.name in _KINDS:
            strategy, counts = count_chosen(layer, kind, machine)
            yield from _busiest(layer, kind, strategy, machine, counts)


def _busiest(
    layer: Layer, kind: Kind, strategy: str, machine: Machine, counts: Counts
) -> Iterator[HotBlock]:
    taken = estimate(machine, counts)
    assert taken.computing is not None, "processors with a model have cycles"
    blocks = sorted(counts.blocks, key=lambda block: -block.runs * len(block.instructions))
    blocks = blocks[:_MODELLED]
    timed = list(zip(blocks, block_cycles(machine, blocks), strict=True))
    timed = sorted(timed, key=lambda pair: -pair[0].runs * pair[1])[:_SHOWN]
    pressures = block_pressures(machine, [block for block, _ in timed])
    for (block, cycles), pipes in zip(timed, pressures, strict=True):
        yield HotBlock(
            machine.cpu,
            layer.name,
            kind.name,
            strategy,
            round(block.runs * cycles / taken.computing, 3),
            block.runs,
            round(cycles, 2),
            {name: round(busy, 2) for name, busy in sorted(pipes.items(), key=lambda p: -p[1])},
            round(taken.waiting / (taken.computing + taken.waiting), 3),
            block.instructions,
        )


def hot_block_tables(blocks: list[HotBlock]) -> list[Table]:
    """Return what the blocks take, then the instructions of those that are not long."""
    table = Table(
        "Busiest blocks of chosen kernels",
        [
            "layer",
            "kind",
            "strategy",
            "instructions",
            "runs",
            "share of the cycles",
            "cycles a run",
            "busiest pipes",
            "waits for lines",
        ],
        note="By llvm-mca's model of the processor, which is LLVM's; runs are counted by qemu. "
        "Shares are of the cycles without what the first cache lacks; how much of all cycles "
        "that adds is in the last column, the same for all blocks of a kernel.",
    )
    for block in blocks:
        pipes = [f"{name} {busy:.1f}" for name, busy in list(block.pipes.items())[:_PIPES]]
        table.rows.append(
            [
                block.layer,
                block.kind,
                block.strategy,
                str(len(block.instructions)),
                f"{block.runs:,}",
                f"{block.share:.0%}",
                f"{block.cycles:.1f}",
                ", ".join(pipes),
                f"{block.waiting:.0%}",
            ]
        )
    code = [
        code_table(f"{block.layer}, {block.kind}: {block.share:.0%}", block.instructions)
        for block in blocks
        if len(block.instructions) <= _LONG
    ]
    return [table, *code]
