"""Facts about the blocks of a PrimFunc, which the generic rules test before they act."""

from dataclasses import dataclass

import tvm_ffi
from tvm import s_tir, sym, tirx
from tvm.ir import Expr, TensorLoad
from tvm.s_tir.schedule import LoopRV, SBlockRV


@dataclass(frozen=True)
class Access:
    """One load or store of a buffer."""

    buffer: tirx.Buffer
    indices: tuple[Expr, ...]

    def stride(self, var: tirx.Var) -> int | None:
        """Return how far the address moves when `var` grows by one; None when that varies."""
        address = _address(self.indices, self.buffer.shape)
        moved = tvm_ffi.structural_map(
            address, (tirx.Var, lambda other: var + 1 if other.same_as(var) else other)
        )
        step = sym.Analyzer().simplify(moved - address)
        return int(step) if isinstance(step, tirx.IntImm) else None


@dataclass(frozen=True)
class Axis:
    """A loop of a block, and the block variable that follows it."""

    loop: LoopRV
    var: tirx.Var
    extent: int
    reduces: bool


@dataclass(frozen=True)
class Block:
    """A block that stores one element of one buffer at every turn of a plain nest of loops.

    Every loop starts at 0, has a constant extent, and is followed by one variable of the block.
    """

    rv: SBlockRV
    store: Access
    loads: tuple[Access, ...]
    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, sch: s_tir.Schedule, rv: SBlockRV) -> "Block | None":
        """Return the facts about a block, or None when it is not of this form."""
        block, loops = sch.get(rv), sch.get_loops(rv)
        if not isinstance(block.body, tirx.BufferStore) or len(loops) != len(block.iter_vars):
            return None
        if any(not isinstance(sch.get(loop).extent, tirx.IntImm) for loop in loops):
            return None
        axes = tuple(
            Axis(loop, iteration.var, int(sch.get(loop).extent), _reduces(iteration))
            for loop, iteration in zip(loops, block.iter_vars, strict=True)
        )
        if any(axis.reduces for axis in axes) != (block.init is not None):
            return None
        store = Access(block.body.buffer, tuple(block.body.indices))
        return cls(rv, store, _loads(block.body.value), axes)

    @property
    def spatial(self) -> tuple[Axis, ...]:
        """Axes along which the results lie."""
        return tuple(axis for axis in self.axes if not axis.reduces)

    @property
    def reduction(self) -> tuple[Axis, ...]:
        """Axes along which is summed up."""
        return tuple(axis for axis in self.axes if axis.reduces)

    @property
    def accesses(self) -> tuple[Access, ...]:
        """The store and all loads."""
        return (self.store, *self.loads)

    @property
    def turns(self) -> int:
        """Number of times that the block runs."""
        result = 1
        for axis in self.axes:
            result *= axis.extent
        return result


def _address(indices: tuple[Expr, ...], shape: tuple[Expr, ...]) -> Expr:
    address: Expr = tirx.const(0, "int64")
    for index, extent in zip(indices, shape, strict=True):
        address = address * extent.astype("int64") + index.astype("int64")
    return address


def _loads(value: Expr) -> tuple[Access, ...]:
    found: list[Access] = []
    tvm_ffi.structural_walk(
        value,
        (TensorLoad, lambda load: found.append(Access(load.source, tuple(load.indices)))),
    )
    return tuple(found)


def _reduces(iteration: tirx.IterVar) -> bool:
    return iteration.iter_type == tirx.IterVar.CommReduce
