"""Kernels as plain C functions: pointers in, nothing allocated, one thread, nothing that fails.

TVM compiles a kernel into a function of its own calling convention: it unpacks and checks tensor
descriptors, then computes. Here only what computes is kept, as

    void NAME(const T0 *a0, ..., Tn *an, unsigned char *scratch)

with the arguments in the order of the kernel's tensors, each aligned to `ALIGNMENT` bytes. Loops
that TVM would share among threads are plain loops. Buffers that TVM would take from the heap in
the middle of a kernel lie in `scratch`, which the caller provides.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tvm
import tvm_ffi
from tvm import tirx
from tvm.target import Target

from ..errors import UnsupportedOperatorError
from ..tvm_api import asks_for_threads, generate_object, lower_kernels

ALIGNMENT = 64
"""What TVM's code assumes of every buffer, in bytes."""

# TVM keeps smaller buffers on the stack (its kMaxStackAlloca), where LLVM makes registers of them.
_HEAP_BYTES = 1024
_COMPUTES = "compute_scope"
_BYTES = tvm.ir.PointerType(tvm.ir.PrimType("uint8"))


@dataclass(frozen=True)
class BareKernels:
    """The machine code of some kernels."""

    object_file: bytes
    scratch_bytes: Mapping[str, int]
    """How much scratch each kernel needs, by name."""


def compile_kernels(
    kernels: Mapping[str, tirx.PrimFunc], target: Target, prefix: str
) -> BareKernels:
    """Compile scheduled kernels for a target; the symbols are their names after `prefix`.

    Raises UnsupportedOperatorError for a kernel that calls a function of TVM's runtime.
    """
    serial = {name: _one_thread(kernel) for name, kernel in kernels.items()}
    bare, scratch_bytes = {}, {}
    for name, kernel in lower_kernels(serial, target).items():
        _check_calls(name, kernel)
        bare[prefix + name], scratch_bytes[name] = _bare(prefix + name, kernel)
    return BareKernels(generate_object(bare, target), scratch_bytes)


def _one_thread(kernel: tirx.PrimFunc) -> tirx.PrimFunc:
    def serial(loop: tirx.For) -> tirx.For:
        if loop.kind != tirx.ForKind.PARALLEL:
            return loop
        kind = tirx.ForKind.SERIAL
        return tirx.For(
            loop.loop_var, loop.min, loop.extent, kind, loop.body, annotations=loop.annotations
        )

    def one(call: tvm.ir.Call) -> tvm.ir.Expr:
        return tirx.IntImm("int32", 1) if asks_for_threads(call) else call

    return tvm_ffi.structural_map(kernel, [(tirx.For, serial), (tvm.ir.Call, one)])


def _check_calls(name: str, kernel: tirx.PrimFunc) -> None:
    def check(call: tvm.ir.Call) -> None:
        if getattr(call.op, "name", "") in ("tirx.tvm_call_packed", "tirx.tvm_call_cpacked"):
            raise UnsupportedOperatorError(
                f"The kernel {name!r} calls {call.args[0]} of TVM's runtime, which a network "
                "without TVM lacks. Leave the operator out, or run the network with TVM."
            )

    tvm_ffi.structural_walk(kernel, (tvm.ir.Call, check))


def _bare(symbol: str, kernel: tirx.PrimFunc) -> tuple[tirx.PrimFunc, int]:
    tensors, body = _computation(kernel)
    pointers = [tirx.Var(tensor.name, tensor.data.ty) for tensor in tensors]
    scratch = tirx.Var("scratch", _BYTES)
    placed = _Scratch(scratch)
    body = placed.place(body)
    declared = [
        tirx.DeclBuffer(tensor, data=pointer)
        for tensor, pointer in zip(tensors, pointers, strict=True)
    ]
    body = tirx.SeqStmt([*declared, body])
    for buffer in (*tensors, *placed.buffers):
        body = tirx.AttrStmt(buffer, "storage_alignment", ALIGNMENT, body)
    attrs = {"global_symbol": symbol, "tirx.noalias": True, "target": kernel.attrs["target"]}
    function = tirx.PrimFunc([*pointers, scratch], body, tvm.ir.TupleType([]))
    return function.with_attr(attrs), placed.nbytes


def _computation(kernel: tirx.PrimFunc) -> tuple[list[tirx.Buffer], tirx.Stmt]:
    """Return the tensors that a packed function has unpacked, in order, and what it then does."""
    tensors: list[tirx.Buffer] = []
    statement = kernel.body
    while not (isinstance(statement, tirx.AttrStmt) and statement.attr_key == _COMPUTES):
        if isinstance(statement, tirx.AttrStmt):
            statement = statement.body
            continue
        parts = list(statement.seq)
        tensors.extend(part.buffer for part in parts if isinstance(part, tirx.DeclBuffer))
        (statement,) = (part for part in parts if isinstance(part, tirx.AttrStmt))
    return tensors, statement.body


class _Scratch:
    """Places the larger buffers that a kernel allocates in one block of memory.

    A buffer lives until the loop or branch ends in which it is allocated; what is allocated after
    that may lie in the same place.
    """

    def __init__(self, memory: tirx.Var) -> None:
        self.nbytes = 0
        self.buffers: list[tirx.Buffer] = []
        self._memory = memory
        self._used = 0

    def place(self, body: tirx.Stmt) -> tirx.Stmt:
        scopes = (tirx.For, tirx.While, tirx.IfThenElse)
        return tvm_ffi.structural_mutate(
            body, [(scopes, self._place_in_scope), (tirx.AllocBuffer, self._place_buffer)]
        )

    def _place_in_scope(self, scope: tirx.Stmt, mutator: Any) -> tirx.Stmt:
        before = self._used
        placed = mutator.default_mutate(scope)
        self._used = before
        return placed

    def _place_buffer(self, allocation: tirx.AllocBuffer, _mutator: Any) -> tirx.Stmt:
        buffer = allocation.buffer
        size = _bytes_of(buffer)
        if size < _HEAP_BYTES and buffer.scope() == "global":
            return allocation
        start = self._used
        self._used += -(-size // ALIGNMENT) * ALIGNMENT
        self.nbytes = max(self.nbytes, self._used)
        self.buffers.append(buffer)
        place = tirx.call_intrin(_BYTES, "tirx.handle_add_byte_offset", self._memory, start)
        return tirx.DeclBuffer(buffer, data=tirx.reinterpret(buffer.data.ty, place))


def _bytes_of(buffer: tirx.Buffer) -> int:
    dtype = tvm.DataType(buffer.dtype)
    return math.prod(int(extent) for extent in buffer.shape) * -(-dtype.bits // 8) * dtype.lanes
