"""What follows a core, done job by job, while the core's results are still in the cache.

A core whose block is annotated with OWNS_RESULT says which region of its result each job computes.
Elementwise stages behind it are moved into that job, and where nobody else reads the core's result
it becomes a small buffer of the job's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import tvm_ffi
from tvm import sym, tirx
from tvm.ir import Expr, Range, TensorLoad, TensorRegion
from tvm.s_tir import SBlock, SBlockRealize
from tvm.tirx import BufferStore, For, ForKind, PrimFunc, SeqStmt, Stmt

from ..target import Features
from .blocks import Access
from .emit import OWNS_RESULT, STRATEGY


def join_jobs(func: PrimFunc, features: Features) -> PrimFunc:
    """Return the function with elementwise stages moved into the jobs of the core before them."""
    realize = func.body
    stages = _statements(realize.block.body)
    for position, stage in enumerate(stages):
        job = _job(stage)
        if job is None:
            continue
        joined = _Joined(job, stages[position + 1 :], features)
        if not joined.joined:
            return func
        scratch = not joined.result_is_read and job.result not in func.params
        block = joined.block(scratch=scratch)
        root = realize.block
        whole = [*stages[:position], _replace(stage, job.block, block), *joined.kept]
        body = SeqStmt(whole) if len(whole) > 1 else whole[0]
        buffers = [b for b in root.alloc_buffers if not (scratch and b.same_as(job.result))]
        root = SBlock([], root.reads, root.writes, root.name_hint, body, None, buffers)
        return PrimFunc(func.params, SBlockRealize([], True, root), func.ret_type, func.attrs)
    return func


def wrap_cores(func: PrimFunc) -> PrimFunc:
    """Return the function with the loops over jobs in blocks of their own, as `core_stage` made.

    TVM drops the block around a core that was the only stage of its function before fusion; the
    schedules would then ask more about its regions than can be proven.
    """
    root = func.body.block
    stages = [_wrapped(stage) for stage in _statements(root.body)]
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


@dataclass(frozen=True)
class _Stage:
    """A stage that stores one element at every turn of its loops."""

    block: SBlock
    extents: tuple[int, ...]

    @property
    def store(self) -> BufferStore:
        """What the stage does."""
        return self.block.body

    @property
    def loads(self) -> list[TensorLoad]:
        """What the stage reads."""
        return _loads(self.store.value)

    def walks(self, indices: Sequence[Expr]) -> bool:
        """Whether the indices are the stage's variables in order."""
        variables = [iteration.var for iteration in self.block.iter_vars]
        return len(indices) == len(variables) and all(
            index.same_as(var) or (extent == 1 and isinstance(index, tirx.IntImm))
            for index, var, extent in zip(indices, variables, self.extents, strict=True)
        )


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
                self._owned.append(stage.store.buffer)
            else:
                self.kept.append(statement)
                late += _written(statement)

    @property
    def result_is_read(self) -> bool:
        """Whether a stage that did not join reads the core's result."""
        return any(
            load.source.same_as(self._job.result)
            for statement in self.kept
            for load in _loads(statement)
        )

    def block(self, *, scratch: bool) -> SBlock:
        """Return the job's block with all that joined it."""
        block = self._job.block
        body: Stmt = SeqStmt([block.body, *(self._loops(stage) for stage in self.joined)])
        buffers = list(block.alloc_buffers)
        region = self._job.region
        writes = [tirx.BufferRegion(stage.store.buffer, region) for stage in self.joined]
        if scratch:
            result, shape = self._job.result, [part.extent for part in region]
            own = tirx.decl_buffer(shape, result.dtype, f"{result.name}_of_job")
            body = _redirect(body, result, own, [part.min for part in region])
            buffers.append(own)
        else:
            writes.append(block.writes[0])
        reads = [*block.reads, *(region for stage in self.joined for region in _reads(stage))]
        if scratch:
            reads = [read for read in reads if not read.source.same_as(self._job.result)]
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
        own = [load for load in stage.loads if _one_of(load.source, self._owned)]
        if not own or any(_one_of(load.source, late) for load in stage.loads):
            return False
        if stage.extents != tuple(int(size) for size in self._job.result.shape):
            return False
        if not all(stage.walks(access.indices) for access in (stage.store, *own)):
            return False
        lane = stage.block.iter_vars[-1].var
        accesses = [Access(load.source, tuple(load.indices)) for load in stage.loads]
        return all(access.stride(lane) in (0, 1) for access in accesses)

    def _loops(self, stage: _Stage) -> Stmt:
        """Return the stage's loops over the region of the job, vectors innermost."""
        *outer, last = self._job.region
        starts = [part.min for part in self._job.region]
        variables = [tirx.Var(f"e{axis}", "int64") for axis in range(len(outer))]
        extent = int(last.extent)
        lanes = min(self._features.vector_bytes // 4, extent)
        part, lane = tirx.Var("part", "int64"), tirx.Var("lane", "int64")
        count = -(-extent // lanes)
        first = part * lanes
        if extent % lanes:
            # The last vector overlaps the one before it; both store the same.
            first = tirx.min(first, extent - lanes)
        places = [*variables, first + lane]
        bound = {
            iteration.var: start + place
            for iteration, start, place in zip(stage.block.iter_vars, starts, places, strict=True)
        }
        body = _substitute(stage.store, bound)
        body = _loop(lane, lanes, body, ForKind.VECTORIZED)
        body = _loop(part, count, body)
        for var, range_ in reversed(list(zip(variables, outer, strict=True))):
            body = _loop(var, int(range_.extent), body)
        return body


def _job(stage: Stmt) -> _Job | None:
    """Return the job of a core that says what it computes, or None."""
    found: list[SBlock] = []

    def visit(block: SBlock) -> None:
        if OWNS_RESULT in block.annotations:
            found.append(block)

    tvm_ffi.structural_walk(stage, (SBlock, visit))
    return _Job(found[0]) if len(found) == 1 else None


def _stage(statement: Stmt) -> _Stage | None:
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
    return _Stage(block, tuple(extents))


def _statements(body: Stmt) -> list[Stmt]:
    return list(body.seq) if isinstance(body, SeqStmt) else [body]


def _loads(node: Stmt | Expr) -> list[TensorLoad]:
    found: list[TensorLoad] = []
    tvm_ffi.structural_walk(node, (TensorLoad, found.append))
    return found


def _written(statement: Stmt) -> list[tirx.Buffer]:
    found: list[tirx.Buffer] = []
    tvm_ffi.structural_walk(
        statement,
        [
            (BufferStore, lambda store: found.append(store.buffer)),
            (SBlock, lambda block: found.extend(region.source for region in block.writes)),
        ],
    )
    return found


def _reads(stage: _Stage) -> list[TensorRegion]:
    regions = []
    for load in stage.loads:
        whole = [Range(0, size) for size in load.source.shape]
        regions.append(tirx.BufferRegion(load.source, whole))
    return regions


def _one_of(buffer: tirx.Buffer, buffers: Sequence[tirx.Buffer]) -> bool:
    return any(buffer.same_as(other) for other in buffers)


def _loop(var: tirx.Var, extent: int, body: Stmt, kind: ForKind = ForKind.SERIAL) -> Stmt:
    zero = tirx.IntImm("int64", 0)
    return For(var, zero, tirx.IntImm("int64", extent), kind, body)


def _substitute(store: BufferStore, values: dict[tirx.Var, Expr]) -> Stmt:
    return tvm_ffi.structural_map(store, (tirx.Var, lambda var: values.get(var, var)))


def _redirect(body: Stmt, buffer: tirx.Buffer, other: tirx.Buffer, origin: Sequence[Expr]) -> Stmt:
    """Return a statement that uses `other`, a window of `buffer` that begins at `origin`."""
    analyzer = sym.Analyzer()

    def moved(indices: Sequence[Expr]) -> list[Expr]:
        return [
            analyzer.simplify(index - start) for index, start in zip(indices, origin, strict=True)
        ]

    def load(node: TensorLoad) -> Expr:
        if not node.source.same_as(buffer):
            return node
        return tirx.BufferLoad(other, moved(node.indices))

    def store(node: BufferStore) -> Stmt:
        if not node.buffer.same_as(buffer):
            return node
        return BufferStore(other, node.value, moved(node.indices))

    return tvm_ffi.structural_map(body, [(TensorLoad, load), (BufferStore, store)])


def _replace(stage: Stmt, old: SBlock, new: SBlock) -> Stmt:
    return tvm_ffi.structural_map(
        stage, (SBlock, lambda block: new if block.same_as(old) else block), order="pre"
    )
