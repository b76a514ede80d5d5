"""Rows that are read as soon as they are there: two cores in one loop, row by row.

A core that READS_WINDOWS, such as a pooling, reads a few rows of what the core before it computes
for one row of its own. Instead of a whole image, a ring of these rows is kept: at each turn the
rows that are missing are computed into the ring, then the window is read. All windows are cut into
as many bands as there are threads, each with a ring of its own: but for the rows above a band's
first window, which the band before computes too, every row is computed once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import tvm_ffi
from tvm import sym, tirx
from tvm.ir import Expr, Range, TensorLoad
from tvm.s_tir import SBlock, SBlockRealize
from tvm.tirx import Bind, BufferStore, For, ForKind, PrimFunc, SeqStmt, Stmt

from ..tvm_api import threads_of_pool
from .emit import OWNS_RESULT, READS_WINDOWS, STRATEGY
from .statements import loads, one_of, statements, substitute

_ZERO = tirx.IntImm("int64", 0)


def reads_windows(func: PrimFunc) -> bool:
    """Return whether a kernel that nothing is fused with reads windows of rows."""
    return any(_block_of_jobs(stage, READS_WINDOWS) is not None for stage in _stages(func))


def feeds_rows(func: PrimFunc) -> bool:
    """Return whether a kernel that nothing is fused with computes its result by whole rows."""
    blocks = [_block_of_jobs(stage, OWNS_RESULT) for stage in _stages(func)]
    found = [block for block in blocks if block is not None]
    return len(found) == 1 and READS_WINDOWS not in found[0].annotations and bool(_rows(found[0]))


def roll_rows(func: PrimFunc) -> PrimFunc:
    """Return the function with a core that reads windows in one loop with the core before it.

    Elementwise stages have joined the jobs of either (`epilogue.join_jobs`). Where the core before
    computes something else than whole rows, or more than the windows are read of it, the function
    is returned as it is.
    """
    stages = _stages(func)
    for position, stage in enumerate(stages):
        windows = _Windows.of(stage)
        feeder = None if windows is None else _Feeder.of(windows.data, stages[:position])
        if windows is None or feeder is None or one_of(windows.data, func.params):
            continue
        others = [other for other in stages if not other.same_as(stage)]
        if _loads_of(windows.data, others) or _loads_of(windows.data, [stage]) != 1:
            continue
        whole = [*stages[:position], _rolled(feeder, windows), *stages[position + 1 :]]
        whole = [other for other in whole if not other.same_as(feeder.stage)]
        root = func.body.block
        buffers = [each for each in root.alloc_buffers if not each.same_as(windows.data)]
        body = SeqStmt(whole) if len(whole) > 1 else whole[0]
        root = SBlock([], root.reads, root.writes, root.name_hint, body, None, buffers)
        return PrimFunc(func.params, SBlockRealize([], True, root), func.ret_type, func.attrs)
    return func


@dataclass(frozen=True)
class _Windows:
    """A core whose jobs read one window of rows each."""

    block: SBlock
    data: tirx.Buffer
    stride: int
    before: int
    reach: int

    @classmethod
    def of(cls, stage: Stmt) -> "_Windows | None":
        """Return the core that a stage is, or None where it is none of these."""
        block = _block_of_jobs(stage, READS_WINDOWS)
        if block is None:
            return None
        sizes = (int(size) for size in block.annotations[READS_WINDOWS])
        return cls(block, block.reads[0].source, *sizes)

    def rows(self, y: Expr) -> tuple[Expr, Expr]:
        """Return the first row of a window that lies in the image, and the one after its last."""
        first = y * self.stride - self.before
        return tirx.max(first, 0), tirx.min(first + self.reach, int(self.data.shape[1]))


@dataclass(frozen=True)
class _Feeder:
    """A core whose jobs compute whole rows, of one image after the other."""

    stage: Stmt
    block: SBlock
    rows: int
    """Rows of a job; those of the last job of an image may overlap the ones before."""

    @classmethod
    def of(cls, data: tirx.Buffer, stages: Sequence[Stmt]) -> "_Feeder | None":
        """Return the core among stages that computes `data` and nothing else, or None."""
        for stage in stages:
            block = _block_of_jobs(stage, OWNS_RESULT)
            if block is not None and all(part.source.same_as(data) for part in block.writes):
                rows = _rows(block)
                return None if rows is None else cls(stage, block, rows)
        return None


def _rows(block: SBlock) -> int | None:
    """Return how many whole rows a core's job computes, or None where it does something else."""
    if len(block.writes) != 1:
        return None
    (written,) = block.writes
    batch, height, *rest = (int(size) for size in written.source.shape)
    _, along_y, *whole = written.region
    rows = int(along_y.extent)
    per_image = -(-height // rows)
    if [int(axis.extent) for axis in whole] != rest or _jobs(block) != batch * per_image:
        return None
    for job in range(batch * per_image):
        starts = _starts(block, written, job)
        if starts != [job // per_image, min(job % per_image * rows, height - rows)]:
            return None
    return rows


def _starts(block: SBlock, written: tirx.BufferRegion, job: int) -> list[int]:
    """Return the image and the row that a job's region begins with."""
    number, analyzer = {block.iter_vars[0].var: tirx.IntImm("int64", job)}, sym.Analyzer()
    return [int(analyzer.simplify(substitute(axis.min, number))) for axis in written.region[:2]]


def _jobs(block: SBlock) -> int:
    return int(block.iter_vars[0].dom.extent)


def _rolled(feeder: _Feeder, windows: _Windows) -> Stmt:
    """Return the stage that does the jobs of both cores."""
    data = windows.data
    row = [int(size) for size in data.shape[2:]]
    ring = tirx.decl_buffer((_kept(feeder, windows), *row), data.dtype, "rows")
    done = tirx.decl_buffer((1,), "int64", "done")
    jobs = _jobs(windows.block)
    bands, per_band, band, number = (
        tirx.Var(name, "int64") for name in ("bands", "per_band", "band", "number")
    )
    job = band * per_band + number
    turn = [
        *_feed(feeder, windows, ring, done, job),
        SBlockRealize([job], True, _in_ring(windows.block, data, ring)),
    ]
    turns = tirx.min(per_band, jobs - band * per_band)
    body = [
        BufferStore(done, _ZERO, [0]),
        # TVM makes room for a buffer around all that uses it: with this, once and not each turn.
        BufferStore(ring, tirx.const(0, data.dtype), [0] * len(ring.shape)),
        For(number, _ZERO, turns, ForKind.SERIAL, SeqStmt(turn)),
    ]
    own = SBlockRealize([], True, SBlock([], [], [], "band", SeqStmt(body), None, [ring, done]))
    stage = [
        Bind(bands, tirx.min(threads_of_pool(), jobs)),
        Bind(per_band, (jobs + bands - 1) // bands),
        For(band, _ZERO, bands, ForKind.PARALLEL, own),
    ]
    core = SBlock(
        [], [], [], "rolling_rows", SeqStmt(stage), annotations={STRATEGY: "rolling_rows"}
    )
    return SBlockRealize([], True, core)


def _kept(feeder: _Feeder, windows: _Windows) -> int:
    """Return the rows of the ring: a power of two, whose remainders take one instruction.

    It holds a window, and what the last job that it took computed beyond.
    """
    return 1 << (windows.reach + feeder.rows - 2).bit_length()


def _feed(
    feeder: _Feeder, windows: _Windows, ring: tirx.Buffer, done: tirx.Buffer, job: Expr
) -> list[Stmt]:
    """Return what computes the rows of a job's window that are not in the ring.

    `done` is the number of the feeder's jobs, in order, up to which this band has done what it
    needed.
    """
    batch = int(windows.data.shape[0])
    per_image, turns = _jobs(feeder.block) // batch, _jobs(windows.block) // batch
    first, end = windows.rows(job % turns)
    earlier = job // turns * per_image
    stop = earlier + (end + feeder.rows - 1) // feeder.rows
    start, count = tirx.Var("start", "int64"), tirx.Var("fed", "int64")
    block = _in_ring(feeder.block, windows.data, ring)
    missing = tirx.max(stop - start, 0)
    compute = SBlockRealize([start + count], True, block)
    return [
        Bind(start, tirx.max(done[0], earlier + first // feeder.rows)),
        For(count, _ZERO, missing, ForKind.SERIAL, compute),
        BufferStore(done, tirx.max(done[0], stop), [0]),
    ]


def _in_ring(block: SBlock, data: tirx.Buffer, ring: tirx.Buffer) -> SBlock:
    """Return a block that uses the ring in the place of `data`."""
    kept = int(ring.shape[0])

    def place(indices: Sequence[Expr]) -> list[Expr]:
        return [indices[1] % kept, *indices[2:]]

    def load(node: TensorLoad) -> Expr:
        return tirx.BufferLoad(ring, place(node.indices)) if node.source.same_as(data) else node

    def store(node: BufferStore) -> Stmt:
        if not node.buffer.same_as(data):
            return node
        return BufferStore(ring, node.value, place(node.indices))

    def region(part: tirx.BufferRegion) -> tirx.BufferRegion:
        whole = [Range(0, size) for size in ring.shape]
        return tirx.BufferRegion(ring, whole) if part.source.same_as(data) else part

    body = tvm_ffi.structural_map(block.body, [(TensorLoad, load), (BufferStore, store)])
    return SBlock(
        block.iter_vars,
        [region(part) for part in block.reads],
        [region(part) for part in block.writes],
        block.name_hint,
        body,
        block.init,
        block.alloc_buffers,
        block.match_buffers,
        block.annotations,
    )


def _stages(func: PrimFunc) -> list[Stmt]:
    body = func.body
    return statements(body.block.body) if _is_plain(body) else [body]


def _block_of_jobs(stage: Stmt, annotation: str) -> SBlock | None:
    """Return the block, so annotated, that a stage runs for each job; None if it does more."""
    while _is_plain(stage) and not stage.block.alloc_buffers:
        stage = stage.block.body
    if not isinstance(stage, For) or not isinstance(stage.body, SBlockRealize):
        return None
    realize = stage.body
    numbered = [value.same_as(stage.loop_var) for value in realize.iter_values] == [True]
    return realize.block if numbered and annotation in realize.block.annotations else None


def _is_plain(stage: Stmt) -> bool:
    """Whether a stage is a block around others, without variables."""
    return isinstance(stage, SBlockRealize) and not stage.block.iter_vars


def _loads_of(data: tirx.Buffer, stages: Sequence[Stmt]) -> int:
    return sum(load.source.same_as(data) for stage in stages for load in loads(stage))
