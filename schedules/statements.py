"""Small changes of TIR statements."""

from collections.abc import Sequence
from typing import TypeVar

import tvm_ffi
from tvm import sym, tirx
from tvm.ir import Expr, TensorLoad
from tvm.s_tir import SBlock
from tvm.tirx import BufferStore, For, ForKind, SeqStmt, Stmt

Node = TypeVar("Node", Stmt, Expr)


def statements(body: Stmt) -> list[Stmt]:
    """Return the statements of a sequence, or the only one."""
    return list(body.seq) if isinstance(body, SeqStmt) else [body]


def loads(node: Stmt | Expr) -> list[TensorLoad]:
    """Return every load inside."""
    found: list[TensorLoad] = []
    tvm_ffi.structural_walk(node, (TensorLoad, found.append))
    return found


def written(statement: Stmt) -> list[tirx.Buffer]:
    """Return every buffer that a statement stores to."""
    found: list[tirx.Buffer] = []
    tvm_ffi.structural_walk(
        statement,
        [
            (BufferStore, lambda store: found.append(store.buffer)),
            (SBlock, lambda block: found.extend(region.source for region in block.writes)),
        ],
    )
    return found


def one_of(buffer: tirx.Buffer, buffers: Sequence[tirx.Buffer]) -> bool:
    """Return whether a buffer is among others."""
    return any(buffer.same_as(other) for other in buffers)


def loop(var: tirx.Var, extent: int, body: Stmt, kind: ForKind = ForKind.SERIAL) -> Stmt:
    """Return a loop from 0."""
    zero = tirx.IntImm("int64", 0)
    return For(var, zero, tirx.IntImm("int64", extent), kind, body)


def substitute(node: Node, values: dict[tirx.Var, Expr]) -> Node:
    """Return a statement or an expression with variables replaced."""
    return tvm_ffi.structural_map(node, (tirx.Var, lambda var: values.get(var, var)))


def redirect(body: Stmt, buffer: tirx.Buffer, other: tirx.Buffer, origin: Sequence[Expr]) -> Stmt:
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
