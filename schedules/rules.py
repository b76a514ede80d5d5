"""Generic schedules: what happens to every PrimFunc around, and without, a core of ours.

Elementwise stages are inlined into their consumers, zero padding becomes a fill and a copy,
and every remaining loop nest is tiled, vectorized and spread over threads. Each rule tests what
it needs and leaves the loops, which are correct as they are, when the test fails.
"""

import tvm
from tvm import s_tir, tirx
from tvm.s_tir.schedule import LoopRV, SBlockRV
from tvm.s_tir.schedule.analysis import is_output_block
from tvm.target import Target

from ..target import Features, features_of
from .blocks import Axis, Block
from .emit import READS_ONCE, STRATEGY
from .epilogue import join_jobs, wrap_cores
from .rolling_rows import roll_rows

_ROOT = "root"
"""Block around all stages of a function that has several."""
_WORTH_THREADS = 1 << 15
"""Turns of a loop nest below which starting threads costs more than it gains."""
_JOBS = 64
"""Parallel jobs that are enough for any machine at hand."""
_SQUARE = 16
"""Elements of a cache line, along both sides of a square that is transposed."""
_ROWS = 4
"""Results that share one vector load in a reduction."""


def schedule_primfunc(func: tirx.PrimFunc, target: Target) -> tirx.PrimFunc:
    """Return the function with a schedule for the target; it computes the same.

    Cores of ours, known by the annotation of their block, stay as they were written. So do
    functions that TVM wrote as one opaque block (sort, cumsum, scatter).
    """
    if func.body.block.name_hint != _ROOT:
        return func
    features = features_of(target)
    sch = s_tir.Schedule(tvm.IRModule({"main": wrap_cores(func)}), debug_mask="none")
    inline_elementwise(sch)
    joined = roll_rows(join_jobs(sch.mod["main"], features))
    sch = s_tir.Schedule(tvm.IRModule({"main": joined}), debug_mask="none")
    for rv in _blocks(sch):
        block = Block.of(sch, rv)
        if block is None:
            continue
        if block.reduction:
            schedule_reduction(sch, block, features)
        else:
            schedule_elementwise(sch, block, features)
    return sch.mod["main"].with_attrs(func.attrs)


def inline_elementwise(sch: s_tir.Schedule) -> None:
    """Inline every stage that is a plain function of its inputs into the stages that read it.

    Padding stays a stage of its own: a test per element in an inner loop costs more than a copy.
    So does what a reduction or a core reads, which would compute it again and again.
    """
    for rv in _blocks(sch):
        block = Block.of(sch, rv)
        if block is None or block.reduction or is_output_block(sch, rv):
            continue
        consumers = sch.get_consumers(rv)
        readable = all(_takes_inlined(sch, consumer) for consumer in consumers)
        if consumers and readable and _stores_each_element_once(block):
            sch.compute_inline(rv)


def schedule_elementwise(sch: s_tir.Schedule, block: Block, features: Features) -> None:
    """Vectorize the innermost loop and spread the outer ones over threads."""
    if not block.axes:
        return
    loops = [axis.loop for axis in block.axes]
    if len(loops) > 1 and sch.can_decompose_padding(block.rv, loops[-1]):
        depth = min(2, len(loops) - 1)
        turned = _turned_axis(block)
        fill = sch.decompose_padding(block.rv, loops[depth])
        if turned is None:
            _run_on(sch, block, block.rv, depth, features)
        elif turned in block.axes[depth:-1]:
            _tile_squares(sch, sch.get_loops(block.rv), block.axes.index(turned))
        _run_on(sch, block, fill, depth, features)
        _parallelize(sch, loops[:depth], block.turns)
        return
    turned = _turned_axis(block)
    if turned is not None:
        loops = _tile_squares(sch, loops, block.axes.index(turned))
        _parallelize(sch, loops[:-2], block.turns)
        return
    while len(loops) > 1 and _continues(block, block.axes[len(loops) - 2], block.axes[-1]):
        loops[-2:] = [sch.fuse(*loops[-2:])]
    _parallelize(sch, loops[:-1], block.turns)
    # Vectors of scattered elements are slower than the loop that LLVM makes of it.
    if all(access.stride(block.axes[-1].var) in (0, 1) for access in block.accesses):
        _vectorize(sch, loops[-1], features)


def _run_on(
    sch: s_tir.Schedule, block: Block, rv: SBlockRV, depth: int, features: Features
) -> None:
    """Fill or copy the last axis as vectors, or the last two as a run where they are one.

    Of a run of any length LLVM makes calls of memset and memcpy.
    """
    loops = sch.get_loops(rv)
    whole = block.axes[-1].extent % (features.vector_bytes // 4) == 0
    if not whole and len(loops) > depth + 1 and _continues(block, *block.axes[-2:]):
        sch.fuse(*loops[-2:])
    else:
        _vectorize(sch, loops[-1], features)


def _turned_axis(block: Block) -> Axis | None:
    """Return the axis along which a load runs on, when results run on along another: the last."""
    last = block.axes[-1]
    if block.store.stride(last.var) != 1 or last.extent == 1:
        return None
    for load in block.loads:
        if load.stride(last.var) not in (0, 1):
            for axis in block.axes[:-1]:
                if axis.extent > 1 and load.stride(axis.var) == 1:
                    return axis
    return None


def _tile_squares(sch: s_tir.Schedule, loops: list[LoopRV], turned: int) -> list[LoopRV]:
    """Run in squares, whose lines stay in the cache until all of each was used; return the loops.

    The sides of a square are parts of the loop number `turned` and of the last one.
    """
    sides = []
    for number in (turned, len(loops) - 1):
        side = _largest_divisor(int(sch.get(loops[number]).extent), _SQUARE)
        outer, inner = sch.split(loops[number], [None, side])
        loops = [*loops[:number], outer, *loops[number + 1 :]]
        sides.append(inner)
    sch.reorder(*loops[turned:], *sides)
    return [*loops, *sides]


def schedule_reduction(sch: s_tir.Schedule, block: Block, features: Features) -> None:
    """Keep sums in registers: vectors along contiguous results, a few rows of them at a time.

    Where the innermost results are not read contiguously the reduction moves inside instead.
    """
    lanes = _contiguous_axis(block)
    if lanes is None:
        _reduce_in_order(sch, block)
        return
    width = _vector_extent(lanes.extent, features)
    if width is None:
        _reduce_in_order(sch, block)
        return
    rows = _reusing_axis(block, lanes)
    outer = [axis.loop for axis in block.spatial if axis not in (lanes, rows)]
    lanes_outer, vector = sch.split(lanes.loop, [None, width])
    inner = [vector]
    if rows is not None:
        height = _largest_divisor(rows.extent, _ROWS)
        rows_outer, rows_inner = sch.split(rows.loop, [None, height])
        outer.append(rows_outer)
        inner.insert(0, rows_inner)
    outer.append(lanes_outer)
    reduction = [axis.loop for axis in block.reduction]
    sch.reorder(*outer, *reduction, *inner)
    result = sch.cache_write(block.rv, 0, "local")
    sch.reverse_compute_at(result, outer[-1])
    for rv in (block.rv, result):
        loops = sch.get_loops(rv)
        sch.vectorize(loops[-1])
        if rows is not None:
            sch.unroll(loops[-2])
    # Last, since the sums' start, once split off, keeps what its loops are, but an update alone
    # may be neither vectorized nor parallel.
    _parallelize(sch, outer, block.turns)
    sch.decompose_reduction(block.rv, reduction[0])


def _reduce_in_order(sch: s_tir.Schedule, block: Block) -> None:
    """Run the reduction inside the results, and start each sum outside of it."""
    spatial, reduction = block.spatial, block.reduction
    sch.reorder(*(axis.loop for axis in (*spatial, *reduction)))
    _parallelize(sch, [axis.loop for axis in spatial], block.turns)
    sch.decompose_reduction(block.rv, reduction[0].loop)


def _blocks(sch: s_tir.Schedule) -> list[SBlockRV]:
    root = sch.get_sblock(_ROOT)
    return [rv for rv in sch.get_child_blocks(root) if STRATEGY not in sch.get(rv).annotations]


def _takes_inlined(sch: s_tir.Schedule, rv: SBlockRV) -> bool:
    if READS_ONCE in sch.get(rv).annotations:
        return True
    block = Block.of(sch, rv)
    return block is not None and not block.reduction


def _stores_each_element_once(block: Block) -> bool:
    variables = [axis.var for axis in block.axes]
    return len(block.store.indices) == len(variables) and all(
        any(index.same_as(var) for var in variables) for index in block.store.indices
    )


def _continues(block: Block, outer: Axis, inner: Axis) -> bool:
    """Whether every access runs on from the end of `inner` to the next turn of `outer`."""
    for access in block.accesses:
        step = access.stride(inner.var)
        if step is None or access.stride(outer.var) != step * inner.extent:
            return False
    return True


def _contiguous_axis(block: Block) -> Axis | None:
    """Return the axis along which results are stored, and operands read, side by side."""
    for axis in reversed(block.spatial):
        if axis.extent > 1 and block.store.stride(axis.var) == 1:
            steps = [load.stride(axis.var) for load in block.loads]
            return axis if all(step in (0, 1) for step in steps) else None
    return None


def _reusing_axis(block: Block, lanes: Axis) -> Axis | None:
    """Return another axis of the results whose neighbours read the same vectors."""
    vectors = [
        load
        for load in block.loads
        if load.stride(lanes.var) == 1 and not load.buffer.same_as(block.store.buffer)
    ]
    for axis in reversed(block.spatial):
        if axis is lanes or axis.extent < 2:
            continue
        if any(load.stride(axis.var) == 0 for load in vectors):
            return axis
    return None


def _parallelize(sch: s_tir.Schedule, loops: list[LoopRV], turns: int) -> None:
    """Spread as many of the outermost loops over threads as it takes to have enough jobs."""
    if turns < _WORTH_THREADS:
        return
    jobs, chosen = 1, []
    for loop in loops:
        if jobs >= _JOBS:
            break
        chosen.append(loop)
        jobs *= int(sch.get(loop).extent)
    if jobs > 1:
        sch.parallel(sch.fuse(*chosen) if len(chosen) > 1 else chosen[0])


def _vectorize(sch: s_tir.Schedule, loop: LoopRV, features: Features) -> None:
    """Vectorize a loop, cut into equal vectors; an extent that resists is left to LLVM."""
    width = _vector_extent(int(sch.get(loop).extent), features)
    if width is not None:
        sch.vectorize(sch.split(loop, [None, width])[1])


def _vector_extent(extent: int, features: Features) -> int | None:
    """Return the part of a loop to run as one vector, or None when it has no good divisor."""
    lanes = features.vector_bytes // 4
    widest = 4 * lanes if features.vector_bits == 512 else 2 * lanes
    if 1 < extent <= widest:
        return extent
    whole = [width for width in range(lanes, widest + 1, lanes) if extent % width == 0]
    if whole:
        return whole[-1]
    divisor = _largest_divisor(extent, widest)
    return divisor if divisor >= lanes else None


def _largest_divisor(extent: int, limit: int) -> int:
    return max(divisor for divisor in range(1, limit + 1) if extent % divisor == 0)
