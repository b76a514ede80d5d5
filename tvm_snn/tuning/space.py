"""The design space of a layer: every able strategy, and the values of each one's knobs.

MetaSchedule searches over schedules of a workload, a PrimFunc with random decisions in its trace.
Here the workload only stands for the layer: its attribute holds the operation, its parameters have
the types of what the kernel is called with, and the decisions, one for each knob, are annotations
of its one block. The builder makes a kernel of them (see `builder`).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from tvm import s_tir, te, tirx
from tvm.ir import IRModule
from tvm.tirx import PrimFunc

from ..schedules.operation import Operation
from ..schedules.strategy import candidates
from ..target import Features
from .kernel import measured_call
from .operands import result_type, scale_shape

OPERATION = "snn.operation"
"""Attribute of a workload: its operation as JSON."""
_STRATEGY = "snn.strategy"
_KNOB = "snn.knob."
_BLOCK = "knobs"


@dataclass(frozen=True)
class Point:
    """A point of the space: a strategy and the values of its knobs, none for its own choice."""

    strategy: str
    knobs: tuple[tuple[str, int], ...] = ()

    @property
    def config(self) -> dict[str, int]:
        """The values of the knobs by name."""
        return dict(self.knobs)

    def __str__(self) -> str:
        """Name the strategy and its knobs."""
        knobs = ", ".join(f"{knob} {value}" for knob, value in self.knobs)
        return f"{self.strategy} ({knobs})" if knobs else self.strategy


@dataclass(frozen=True)
class Region:
    """All points of one strategy with knobs, or the one point of its own choice."""

    strategy: str
    options: tuple[tuple[str, tuple[int, ...]], ...]

    def points(self) -> Iterator[tuple[Point, tuple[int, ...]]]:
        """Yield the points, each with the numbers of the options that its knobs have."""
        names = [knob for knob, _ in self.options]
        for numbers in product(*(range(len(values)) for _, values in self.options)):
            chosen = (values[i] for (_, values), i in zip(self.options, numbers, strict=True))
            yield Point(self.strategy, tuple(zip(names, chosen, strict=True))), numbers


def regions_of(operation: Operation, features: Features) -> list[Region]:
    """Return the space: what each strategy chooses by itself first, then what its knobs span."""
    call = measured_call(operation)
    able = candidates(call, features)
    spaces = [(strategy, strategy.space(call, features)) for strategy in able]
    return [Region(strategy.name, ()) for strategy, _ in spaces] + [
        Region(strategy.name, tuple(sorted(space.items()))) for strategy, space in spaces if space
    ]


def workload(operation: Operation) -> PrimFunc:
    """Return the PrimFunc that stands for an operation."""
    shapes = [*operation.operands, ("float32", scale_shape(operation))]
    operands = [
        te.placeholder(shape, dtype, name=f"operand{i}") for i, (dtype, shape) in enumerate(shapes)
    ]
    output = te.compute(
        result_type(operation)[1], lambda *_: tirx.const(0.0, "float32"), name=_BLOCK
    )
    function = te.create_prim_func([*operands, output])
    return function.with_attr(OPERATION, json.dumps(operation.data(), sort_keys=True))


def draw(
    schedule: s_tir.Schedule, region: Region, numbers: Sequence[int] | None = None
) -> s_tir.Schedule:
    """Take the region's strategy and decide on each knob; returns the schedule of the workload.

    `numbers` are the options to take; without them each is drawn at random.
    """
    block = schedule.get_sblock(_BLOCK, "main")
    schedule.annotate(block, _STRATEGY, region.strategy)
    decided: Sequence[int | None] = numbers or [None] * len(region.options)
    for (knob, values), number in zip(region.options, decided, strict=True):
        chance = [1 / len(values)] * len(values)
        decision = schedule.sample_categorical(list(values), chance, decision=number)
        schedule.annotate(block, _KNOB + knob, decision)
    return schedule


def point_of(module: IRModule) -> tuple[Operation, Point]:
    """Return the operation that a scheduled workload stands for, and the point it takes."""
    function = module["main"]
    schedule = s_tir.Schedule(module)
    annotations = schedule.get(schedule.get_sblock(_BLOCK, "main")).annotations
    knobs = {
        str(name)[len(_KNOB) :]: int(value)
        for name, value in annotations.items()
        if str(name).startswith(_KNOB)
    }
    operation = Operation.from_data(json.loads(str(function.attrs[OPERATION])))
    return operation, Point(str(annotations[_STRATEGY]), tuple(sorted(knobs.items())))
