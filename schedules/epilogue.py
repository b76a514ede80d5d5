"""What follows a core, done job by job, while the core's results are still in the cache.

A core whose block is annotated with OWNS_RESULT says which region of its result each job computes.
Elementwise stages behind it, and what reads all channels of a pixel (ONE_PIXEL), are moved into
that job, and where nobody else reads the core's result it becomes a small buffer of the job's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import tvm_ffi
from tvm import tirx
from tvm.ir import Expr, Range, TensorLoad
from tvm.s_tir import SBlock, SBlockRealize
from tvm.tirx import BufferStore, For, ForKind, PrimFunc, SeqStmt, Stmt

from ..target import Features
from .blocks import Access
from .emit import ONE_PIXEL, OWNS_RESULT, STRATEGY
from .statements import loads, loop, one_of, redirect, statements, substitute, written


def join_jobs(func: PrimFunc, features: Features) -> PrimFunc:
    """Return the function with elementwise stages moved into the jobs of the cores before them."""
    root = func.body.block
    stages, buffers, position = statements(root.body), list(root.alloc_buffers), 0
    while position < len(stages):
        job = _job(stages[position])
        joined = None if job is None else _Joined(job, stages[position + 1 :], features)
        if job is not None and joined is not None and joined.joined:
            scratch = not joined.result_is_read and job.result not in func.params
            core = joined.stage(stages[position], scratch=scratch)
            stages = [*stages[:position], core, *joined.kept]
            buffers = [b for b in buffers if not (scratch and b.same_as(job.result))]
        position += 1
    body = SeqStmt(stages) if len(stages) > 1 else stages[0]
    root = SBlock([], root.reads, root.writes, root.name_hint, body, None, buffers)
    return PrimFunc(func.params, SBlockRealize([], True, root), func.ret_type, func.attrs)


def wrap_cores(func: PrimFunc) -> PrimFunc:
    """Return the function with the loops over jobs in blocks of their own, as `core_stage` made.

    TVM drops the block around a core that was the only stage of its function before fusion; the
    schedules would then ask more about its regions than can be proven.
    """
    root = func.body.block
    stages = [_wrapped(stage) for stage in statements(root.body)]
    body = SeqStmt(stages) if len(stages) > 1 else stages[0]
    block = SBlock([], root.reads, root.writes, root.name_hint, body, None, root.alloc_buffers)
    return PrimFunc(func.params, SBlockRealize([], True, block), func.ret_type, func.attrs)


def _wrapped(stage: Stmt) -> Stmt:
    if not isinstance(stage, For) or _job(stage) is None:
        return stage
    return SBlockRealize(
        [], True, SBlock([], [], [], "core", stage, annotations={STRATEGY: "core"})
    )


@dataclass(frozen=True)
class _Job:
    """The block that a core runs for each job, and the region of the result that it computes."""

    block: SBlock

    @property
    def result(self) -> tirx.Buffer:
        """The core's result."""
        return self.block.writes[0].source

    @property
    def region(self) -> Sequence[Range]:
        """The part of it that the job computes."""
        return self.block.writes[0].region


class _Stage(Protocol):
    """What may be done in a job, place by place."""

    @property
    def block(self) -> SBlock:
        """What is done at each place."""

    def fits(self, job: _Job, own: Sequence[tirx.Buffer]) -> bool:
        """Whether the stage reads `own`, which the job makes, at its own place only."""

    def statement(self, job: _Job, features: Features) -> Stmt:
        """Return what does the stage for the region of the job."""

    def region(self, job: _Job) -> Sequence[Range]:
        """Return the part of the stage's result that the job's region gives."""


@dataclass(frozen=True)
class _Elementwise:
    """A stage that stores one element at every turn of its loops."""

    block: SBlock
    extents: tuple[int, ...]

    def fits(self, job: _Job, own: Sequence[tirx.Buffer]) -> bool:
        """Whether the stage is as large as the result, and its vectors are contiguous."""
        if self.extents != tuple(int(size) for size in job.result.shape):
            return False
        store = self.block.body
        reads = loads(store.value)
        accesses = [load.indices for load in reads if one_of(load.source, own)]
        if not all(self._walks(indices) for indices in [store.indices, *accesses]):
            return False
        lane = self.block.iter_vars[-1].var
        strides = [Access(load.source, tuple(load.indices)).stride(lane) for load in reads]
        return all(stride in (0, 1) for stride in strides)

    def statement(self, job: _Job, features: Features) -> Stmt:
        """Return the stage's loops over the region of the job, vectors innermost."""
        *outer, last = job.region
        variables = [tirx.Var(f"e{axis}", "int64") for axis in range(len(outer))]
        extent = int(last.extent)
        lanes = min(features.vector_bytes // 4, extent)
        part, lane = tirx.Var("part", "int64"), tirx.Var("lane", "int64")
        count = -(-extent // lanes)
        first = part * lanes
        if extent % lanes:
            # The last vector overlaps the one before it; both store the same.
            first = tirx.min(first, extent - lanes)
        body = substitute(self.block.body, _bound(self.block, job, [*variables, first + lane]))
        body = loop(lane, lanes, body, ForKind.VECTORIZED)
        return _nest(variables, outer, loop(part, count, body))

    def region(self, job: _Job) -> Sequence[Range]:
        """Return the job's region: places are the same."""
        return job.region

    def _walks(self, indices: Sequence[Expr]) -> bool:
        """Whether the indices are the stage's variables in order."""
        variables = [iteration.var for iteration in self.block.iter_vars]
        return len(indices) == len(variables) and all(
            index.same_as(var) or (extent == 1 and isinstance(index, tirx.IntImm))
            for index, var, extent in zip(indices, variables, self.extents, strict=True)
        )


@dataclass(frozen=True)
class _OnePixel:
    """A stage whose block does what is to be done with all channels of one pixel."""

    block: SBlock

    def fits(self, job: _Job, own: Sequence[tirx.Buffer]) -> bool:
        """Whether the job computes whole pixels, and the stage reads no other ones of them."""
        *_, channels = job.region
        if len(job.region) != len(self.block.iter_vars) + 1:
            return False
        if int(channels.extent) != int(job.result.shape[-1]):
            return False
        variables = [iteration.var for iteration in self.block.iter_vars]
        return all(
            index.same_as(var)
            for load in loads(self.block.body)
            if one_of(load.source, own)
            for index, var in zip(load.indices, variables, strict=False)
        )

    def statement(self, job: _Job, _features: Features) -> Stmt:
        """Return a loop over the pixels of the job's region."""
        *pixels, _ = job.region
        variables = [tirx.Var(f"e{axis}", "int64") for axis in range(len(pixels))]
        body = substitute(self.block.body, _bound(self.block, job, variables))
        return _nest(variables, pixels, body)

    def region(self, job: _Job) -> Sequence[Range]:
        """Return the words of the region's pixels."""
        batch, *pixels, _ = job.region
        _, planes, *_, words = _result(self).shape
        return [batch, Range(0, planes), *pixels, Range(0, words)]


class _Joined:
    """The stages behind a core, sorted into those that join its jobs and those that do not."""

    def __init__(self, job: _Job, stages: Sequence[Stmt], features: Features) -> None:
        self._job, self._features = job, features
        self.kept: list[Stmt] = []
        self.joined: list[_Stage] = []
        self._owned = [job.result]
        late: list[tirx.Buffer] = []
        for statement in stages:
            stage = _stage(statement)
            if stage is not None and self._may_join(stage, late):
                self.joined.append(stage)
                self._owned.append(_result(stage))
            else:
                self.kept.append(statement)
                late += written(statement)

    @property
    def result_is_read(self) -> bool:
        """Whether a stage that did not join reads the core's result."""
        return any(
            load.source.same_as(self._job.result)
            for statement in self.kept
            for load in loads(statement)
        )

    def stage(self, stage: Stmt, *, scratch: bool) -> Stmt:
        """Return the core's stage with all that joined its jobs."""
        block, results = self._block(scratch=scratch), [_result(each) for each in self.joined]

        def changed(outer: SBlock) -> SBlock:
            """Return a block around the job's, which reads and writes what that one does."""
            if outer.same_as(self._job.block):
                return block
            if not outer.writes or not _contains(outer, self._job.block):
                return outer
            read = [buffer for buffer in self._read() if not one_of(buffer, self._owned)]
            kept = [part for part in outer.writes if not part.source.same_as(self._job.result)]
            return SBlock(
                outer.iter_vars,
                [*outer.reads, *map(_whole, read)],
                [*(kept if scratch else outer.writes), *map(_whole, results)],
                outer.name_hint,
                outer.body,
                outer.init,
                outer.alloc_buffers,
                outer.match_buffers,
                outer.annotations,
            )

        return tvm_ffi.structural_map(stage, (SBlock, changed), order="pre")

    def _read(self) -> list[tirx.Buffer]:
        """Return what the stages that joined read, each buffer once."""
        return list({load.source: None for stage in self.joined for load in _outer_loads(stage)})

    def _block(self, *, scratch: bool) -> SBlock:
        """Return the job's block with all that joined it."""
        block, job = self._job.block, self._job
        done = [stage.statement(job, self._features) for stage in self.joined]
        body: Stmt = SeqStmt([block.body, *done])
        own_buffers = [buffer for stage in self.joined for buffer in stage.block.alloc_buffers]
        buffers = [*block.alloc_buffers, *own_buffers]
        writes = [tirx.BufferRegion(_result(stage), stage.region(job)) for stage in self.joined]
        writes += block.writes[1:]
        reads = [*block.reads, *map(_whole, self._read())]
        if scratch:
            result, shape = job.result, [part.extent for part in job.region]
            own = tirx.decl_buffer(shape, result.dtype, f"{result.name}_of_job")
            body = redirect(body, result, own, [part.min for part in job.region])
            buffers.append(own)
            reads = [read for read in reads if not read.source.same_as(result)]
        else:
            writes.append(block.writes[0])
        return SBlock(
            block.iter_vars,
            reads,
            writes,
            block.name_hint,
            body,
            block.init,
            buffers,
            block.match_buffers,
            block.annotations,
        )

    def _may_join(self, stage: _Stage, late: Sequence[tirx.Buffer]) -> bool:
        """Whether a stage reads what the job made at its own place, and nothing made later."""
        sources = [load.source for load in loads(stage.block.body)]
        if any(one_of(source, late) for source in sources):
            return False
        reads_own = any(one_of(source, self._owned) for source in sources)
        return reads_own and stage.fits(self._job, self._owned)


def _contains(outer: SBlock, inner: SBlock) -> bool:
    found: list[SBlock] = []
    tvm_ffi.structural_walk(outer, (SBlock, found.append))
    return any(block.same_as(inner) for block in found)


def _job(stage: Stmt) -> _Job | None:
    """Return the job of a core that says what it computes, or None."""
    found: list[SBlock] = []

    def visit(block: SBlock) -> None:
        if OWNS_RESULT in block.annotations:
            found.append(block)

    tvm_ffi.structural_walk(stage, (SBlock, visit))
    return _Job(found[0]) if len(found) == 1 else None


def _stage(statement: Stmt) -> _Stage | None:
    pixels: list[SBlock] = []

    def visit(block: SBlock) -> None:
        if ONE_PIXEL in block.annotations:
            pixels.append(block)

    tvm_ffi.structural_walk(statement, (SBlock, visit))
    if pixels:
        return _OnePixel(pixels[0])
    extents = []
    while isinstance(statement, For):
        if not isinstance(statement.extent, tirx.IntImm):
            return None
        extents.append(int(statement.extent))
        statement = statement.body
    if not isinstance(statement, SBlockRealize):
        return None
    block = statement.block
    plain = isinstance(block.body, BufferStore) and block.init is None
    if not plain or len(block.iter_vars) != len(extents):
        return None
    return _Elementwise(block, tuple(extents))


def _result(stage: _Stage) -> tirx.Buffer:
    own = stage.block.alloc_buffers
    return next(part.source for part in stage.block.writes if not one_of(part.source, own))


def _outer_loads(stage: _Stage) -> list[TensorLoad]:
    """Return what a stage loads from elsewhere than its own buffers."""
    own = stage.block.alloc_buffers
    return [load for load in loads(stage.block.body) if not one_of(load.source, own)]


def _whole(buffer: tirx.Buffer) -> tirx.BufferRegion:
    return tirx.BufferRegion(buffer, [Range(0, size) for size in buffer.shape])


def _bound(block: SBlock, job: _Job, places: Sequence[Expr]) -> dict[tirx.Var, Expr]:
    """Return what a stage's variables are at a place of the job's region."""
    starts = [part.min for part in job.region]
    return {
        iteration.var: start + place
        for iteration, start, place in zip(block.iter_vars, starts, places, strict=False)
    }


def _nest(variables: Sequence[tirx.Var], extents: Sequence[Range], body: Stmt) -> Stmt:
    for var, range_ in reversed(list(zip(variables, extents, strict=True))):
        body = loop(var, int(range_.extent), body)
    return body
