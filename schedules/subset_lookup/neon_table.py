"""What the kernel of strategy `subset_lookup` for NEON reads: rows of responses, and indices.

Responses take half a byte, and a byte of a row has those of two pieces: of an even one, and above
them those of the odd one after it. Taking them apart costs nothing where the rows of two pixels are
put together anyway, and the table has half of the bytes, which matters in the first cache.
"""

from tvm import te
from tvm.ir import Expr
from tvm.script import tirx as T

from .byte_lookup import NIBBLE_BITS
from .table import Table, response

PIECES = 2
"""Pieces whose responses share the bytes of a row."""
_BYTES = 16


def rows_bytes(table: Table) -> int:
    """Return the bytes of all rows."""
    return -(-table.pieces // PIECES) * table.piece_bytes


def pack_shared_rows(subset: te.Tensor, table: Table) -> te.Tensor:
    """Return the responses to every code: int8 (K, g, kh, kw) to uint8 (rows_bytes(table),)."""

    def entry(at: Expr) -> Expr:
        even = at // table.piece_bytes * PIECES
        odd = T.min(even + 1, table.pieces - 1)
        above = response(subset, table, odd, at) << NIBBLE_BITS
        return T.Cast("uint8", response(subset, table, even, at) | above)

    return te.compute((rows_bytes(table),), entry, "pack_shared_rows")


def pack_lanes_in_order(indices: te.Tensor, table: Table, groups: int, blocks: int) -> te.Tensor:
    """Return the indices as the lookup reads them.

    uint8 (O, units) to uint8 (groups, parts, units, blocks, 1, 16): as `table.pack_lanes` does, but
    with the outputs of a vector in order.
    """
    outputs = int(indices.shape[0]) // groups
    parts = -(-outputs // (blocks * _BYTES))
    last = max(outputs - _BYTES, 0)

    def index(group: Expr, part: Expr, u: Expr, block: Expr, _step: Expr, lane: Expr) -> Expr:
        o = T.min((part * blocks + block) * _BYTES, last) + lane
        row = group * outputs + T.min(o, outputs - 1)
        entry = T.uint8(0)
        for s in range(table.joined):
            digit = indices[row, u * table.joined + s]
            entry = entry + digit * T.uint8(table.subset_kernels**s)
        return entry

    return te.compute((groups, parts, table.units, blocks, 1, _BYTES), index, name="pack_lanes")
