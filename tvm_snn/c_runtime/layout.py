"""What the library does step by step, and where in its memory every tensor lies.

There are three blocks of memory: what is *stored* in the library, the weights as they are
*prepared* when a network is created, and the *workspace* of a run, in which the preparation, too,
does its work.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..weights import Weight, pack
from .memory_plan import Lifetime, MemoryPlan, aligned, plan_memory
from .program import Call, Program, Value


@dataclass(frozen=True)
class Unpack:
    """Turn a stored weight of a few bits an element into bytes."""

    weight: Weight
    result: Value


@dataclass(frozen=True)
class Copy:
    """Copy an input from the caller's memory, which may be aligned to nothing."""

    index: int
    result: Value


Step = Call | Unpack | Copy
Block = Literal["stored", "prepared", "workspace"]


@dataclass(frozen=True)
class Place:
    """An address: a block of memory and a distance in bytes from its beginning."""

    block: Block
    offset: int


@dataclass(frozen=True)
class Layout:
    """The steps of both functions, and the place of everything they touch."""

    prepare: tuple[Step, ...]
    run: tuple[Step, ...]
    outputs: tuple[Value, ...]
    """What a run computes."""
    places: Mapping[Value, Place]
    scratch: Mapping[Call, Place]
    """The scratch of each call whose kernel needs some."""
    packed: Mapping[str, Place]
    """Where each weight lies that :class:`Unpack` reads, by its name."""
    stored: bytes
    prepared_bytes: int
    workspace_bytes: int


def lay_out(
    prepare: Program, run: Program, weights: Sequence[Weight], scratch_bytes: Mapping[str, int]
) -> Layout:
    """Order the steps of a network and give everything a place.

    `prepare` takes the `weights` and returns what `run` takes after its own inputs.
    `scratch_bytes` tells of each kernel how much scratch it needs.
    """
    places: dict[Value, Place] = {}
    packed: dict[str, Place] = {}
    unpacked: dict[Value, Step] = {}
    stored = _Stored()
    for weight, value in zip(weights, prepare.inputs, strict=True):
        place = stored.add(pack(weight))
        if weight.signs or weight.bound is not None:
            packed[weight.name] = place
            unpacked[value] = Unpack(weight, value)
        else:
            places[value] = place
    for value in _constants(prepare, run):
        places[value] = stored.add(value.constant or b"")

    prepared = plan_memory(Lifetime(v, 0, 0) for v in prepare.outputs if v not in places)
    places |= _places("prepared", prepared)
    count = len(run.inputs) - len(prepare.outputs)
    places |= {
        argument: places[value]
        for argument, value in zip(run.inputs[count:], prepare.outputs, strict=True)
    }

    copied: dict[Value, Step] = {v: Copy(index, v) for index, v in enumerate(run.inputs[:count])}
    steps = tuple(_steps(unpacked, prepare)), tuple(_steps(copied, run))
    scratch: dict[Call, Place] = {}
    workspace_bytes = 0
    for sequence, outputs in zip(steps, (prepare.outputs, run.outputs), strict=True):
        scratches = dict(_scratches(sequence, scratch_bytes))
        lifetimes = _lifetimes(sequence, outputs, places)
        plan = plan_memory([*lifetimes, *scratches.values()])
        found = _places("workspace", plan)
        places |= found
        scratch |= {call: found[lifetime.value] for call, lifetime in scratches.items()}
        workspace_bytes = max(workspace_bytes, plan.nbytes)
    return Layout(
        prepare=steps[0],
        run=steps[1],
        outputs=run.outputs,
        places=places,
        scratch=scratch,
        packed=packed,
        stored=bytes(stored.data),
        prepared_bytes=prepared.nbytes,
        workspace_bytes=workspace_bytes,
    )


class _Stored:
    """The data inside the library, each piece aligned."""

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, data: bytes) -> Place:
        place = Place("stored", len(self.data))
        self.data += data.ljust(aligned(len(data)), b"\0")
        return place


def _constants(*programs: Program) -> Iterator[Value]:
    seen: set[Value] = set()
    for program in programs:
        for value in (*(v for call in program.calls for v in call.reads), *program.outputs):
            if value.constant is not None and value not in seen:
                seen.add(value)
                yield value


def _steps(sources: Mapping[Value, Step], program: Program) -> Iterator[Step]:
    """Yield the calls, and before the first use of each input the step it comes from."""
    left = dict(sources)
    for call in program.calls:
        yield from (left.pop(value) for value in call.reads if value in left)
        yield call
    yield from (left.pop(value) for value in program.outputs if value in left)


def _lifetimes(
    steps: Sequence[Step], outputs: Iterable[Value], places: Mapping[Value, Place]
) -> Iterator[Lifetime]:
    """Yield the lifetimes of what the steps make and what has no place yet."""
    first: dict[Value, int] = {}
    last: dict[Value, int] = {}
    for index, step in enumerate(steps):
        written = step.writes if isinstance(step, Call) else (step.result,)
        for value in written:
            first[value] = last[value] = index
        for value in step.reads if isinstance(step, Call) else ():
            last[value] = index
    last |= {value: len(steps) for value in outputs}
    yield from (
        Lifetime(value, index, last[value]) for value, index in first.items() if value not in places
    )


def _scratches(
    steps: Sequence[Step], scratch_bytes: Mapping[str, int]
) -> Iterator[tuple[Call, Lifetime]]:
    for index, step in enumerate(steps):
        if isinstance(step, Call) and scratch_bytes[step.kernel]:
            yield step, Lifetime(Value("scratch", scratch_bytes[step.kernel]), index, index)


def _places(block: Block, plan: MemoryPlan) -> dict[Value, Place]:
    return {value: Place(block, offset) for value, offset in plan.offsets.items()}
