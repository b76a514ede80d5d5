"""A layer taken apart: what each part of its kernel takes, and the whole layer as it was timed."""

from collections import defaultdict
from dataclasses import dataclass

import tvm

from ...errors import SnnError
from ..clock import clock_hertz
from ..kernels import Compiled, Kind, chosen_kernel
from ..layers_of_resnet18 import Layer
from .model import Modelled, modelled
from .parts import ADDING, PARTS, part_of, responses
from .replay import replay
from .steps import count_blocks

_WARM, _TURN, _REPEATS = 0.01, 0.01, 60
"""Seconds that a kernel runs before it is timed, and while it is; and how often."""


@dataclass(frozen=True)
class Part:
    """All blocks of a layer that are for the same."""

    name: str
    blocks: int
    instructions: int
    """Those that ran."""
    cycles: float
    """By the model."""
    ports: dict[str, float]
    """Cycles that each port works for, those of the busiest first."""


@dataclass(frozen=True)
class Loop:
    """The loop of a layer that adds responses up."""

    instructions: tuple[str, ...]
    work: int
    """(o,c) of a turn."""
    turns: int
    cycles: float
    """Of a turn, by the model."""
    ports: dict[str, float]
    """Cycles of a turn that each port works for, those of the busiest first."""
    alone: float
    """Cycles of a turn on this machine, where it runs alone."""


@dataclass(frozen=True)
class LayerParts:
    """A layer, its parts, and what it takes on this machine."""

    layer: str
    kind: str
    target: str
    strategy: str
    count: int
    """How often ResNet-18 has it."""
    work: int
    """(o,c) of the layer."""
    parts: tuple[Part, ...]
    loop: Loop
    measured: float
    """Cycles on this machine."""

    @property
    def modelled(self) -> float:
        """Cycles by the model, all parts together."""
        return sum(part.cycles for part in self.parts)

    @property
    def looping(self) -> float:
        """Cycles of all turns of the loop where it runs alone."""
        return self.loop.turns * self.loop.alone

    @property
    def explained(self) -> float:
        """Cycles by the model but for the loop, which takes what it takes alone."""
        return self.modelled + self.loop.turns * (self.loop.alone - self.loop.cycles)


def take_apart(layer: Layer, kind: Kind, name: str, target: tvm.target.Target) -> LayerParts:
    """Compile a layer for a target and take it apart.

    Raises SnnError when a tool is missing, or does not know the kernel's instructions.
    """
    kernel = chosen_kernel(layer, kind, target)
    blocks = modelled(count_blocks(kernel.calls))
    size = -(-layer.size // layer.stride)
    hot = _busiest(blocks, kernel.strategy)
    measured, seconds, hertz = _timed(kernel, hot)
    loop = Loop(
        hot.block.instructions,
        responses(hot.block.instructions, kernel.strategy) * kind.unit,
        hot.block.runs,
        hot.cycles,
        _sorted(hot.ports),
        seconds * hertz,
    )
    return LayerParts(
        layer.name,
        kind.name,
        name,
        kernel.strategy,
        layer.count,
        layer.channels * layer.outputs * size * size,
        tuple(_parts(blocks, kernel.strategy)),
        loop,
        measured * hertz,
    )


def _timed(kernel: Compiled, hot: Modelled) -> tuple[float, float, float]:
    """Return the seconds of the layer and of a turn of its loop, and the clock: all right now."""
    loop = replay(hot.block)
    kernel.contender.turn(_WARM)
    # In turns, since the machine has slow spells.
    both = [(kernel.contender.turn(_TURN), loop()) for _ in range(_REPEATS)]
    fastest, alone = map(min, zip(*both, strict=True))
    return fastest * 1e-6, alone, clock_hertz()


def _busiest(blocks: list[Modelled], strategy: str) -> Modelled:
    loops = [each for each in blocks if each.block.loops]
    loops = [each for each in loops if responses(each.block.instructions, strategy)]
    if not loops:
        raise SnnError(f"The code of {strategy} has no loop that adds responses up.")
    return max(loops, key=lambda each: each.block.runs * each.cycles)


def _parts(blocks: list[Modelled], strategy: str) -> list[Part]:
    groups: dict[str, list[Modelled]] = defaultdict(list)
    for each in blocks:
        groups[part_of(each.block, strategy)].append(each)
    assert ADDING in groups, "the loop is one of these blocks"
    return [_part(name, groups[name]) for name in PARTS if name in groups]


def _part(name: str, blocks: list[Modelled]) -> Part:
    ports: dict[str, float] = defaultdict(float)
    for each in blocks:
        for port, busy in each.ports.items():
            ports[port] += each.block.runs * busy
    return Part(
        name,
        len(blocks),
        sum(each.block.runs * len(each.block.instructions) for each in blocks),
        sum(each.block.runs * each.cycles for each in blocks),
        _sorted(ports),
    )


def _sorted(ports: dict[str, float]) -> dict[str, float]:
    busiest = sorted(ports.items(), key=lambda item: -item[1])
    return {name: round(busy, 2) for name, busy in busiest}
