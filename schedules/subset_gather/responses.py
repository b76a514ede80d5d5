"""Responses of a unit to the subset kernels, for vectors of pixels: sums of signed inputs.

A unit's weights are cut into pieces of three. A piece has only 2^3 signed sums, and a response is
the sum of one of them for each piece.

Where the subset is known when the kernel is compiled (the attribute KNOWN of a call), the four sums
of a piece that differ by more than their sign stay in registers, and each response is written out
as few additions and subtractions (see `shared_sums`).
Otherwise all sums are stored, and codes, packed when the network is loaded, say which to add.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax, te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ...tvm_api import attrs_dict, make_attrs
from .shared_sums import PIECE, SharedSums, signed_sum

SUMS = 1 << PIECE
KNOWN = "known_subset"
"""Attribute of a call: each subset kernel as an integer, bit t set where weight t is +1."""
_MOST_BITS = 63


def with_known_subset(call: relax.Call, subset: NDArray[np.int8] | None = None) -> relax.Call:
    """Return a call whose kernel knows its subset (K, g, kh, kw), by default the constant operand.

    A call without one, or with kernels of more than 63 weights, is returned as it is.
    """
    codes = known_subset(call) if subset is None else _codes(subset)
    if codes is None:
        return call
    return relax.Call(call.op, call.args, make_attrs(**attrs_dict(call) | {KNOWN: list(codes)}))


def known_subset(call: relax.Call) -> tuple[int, ...] | None:
    """Return the kernels of a call as KNOWN lists them: from there, or from a constant operand."""
    codes = attrs_dict(call).get(KNOWN)
    if codes is not None:
        return tuple(int(code) for code in codes)
    subset = call.args[1]
    return _codes(subset.value.numpy()) if isinstance(subset, tvm.ir.GenericConst) else None


def _codes(subset: NDArray[np.int8]) -> tuple[int, ...] | None:
    rows = subset.reshape(len(subset), -1)
    if rows.shape[1] > _MOST_BITS:
        return None
    return tuple(sum(1 << t for t, weight in enumerate(row) if weight > 0) for row in rows)


@dataclass(frozen=True)
class Responses:
    """How the responses of a unit of `weights` weights to `kernels` kernels are computed."""

    kernels: int
    weights: int
    known: tuple[int, ...] | None = None

    @property
    def pieces(self) -> int:
        """Pieces of a unit; the last one may be shorter."""
        return -(-self.weights // PIECE)

    @property
    def registers(self) -> tuple[int, int]:
        """Sums that stay in registers: pieces, and sums of each."""
        return (self.pieces, SUMS // 2) if self.known else (1, 1)

    @property
    def stored(self) -> int:
        """Vectors of sums that are stored for a vector of pixels."""
        return 1 if self.known else self.pieces * SUMS

    @property
    def instructions(self) -> float:
        """Vector instructions that a unit costs."""
        if self.known:
            return 6 * self.pieces + self.kernels * self.pieces
        return 10 * self.pieces + self.kernels * (self.pieces + 1)

    def length(self, piece: int) -> int:
        """Return the number of weights in a piece."""
        return min(PIECE, self.weights - piece * PIECE)

    def compute_known(
        self,
        registers: tirx.Buffer,
        load: Callable[[int], Expr],
        store: Callable[[int, Sequence[Expr]], None],
        together: int = 1,
    ) -> None:
        """Write what computes all responses for a vector of pixels, the subset being known.

        `load(t)` gives the inputs at weight t, `store(k, vectors)` takes responses from number k
        on, `together` of them at most; `registers` is a local buffer (pieces, 4, lanes).
        """
        assert self.known is not None
        lanes = T.ramp(0, 1, int(registers.shape[2]))
        # Taken off -0.0, a float is negated, by an instruction less busy than a subtraction.
        nothing = tirx.const(-0.0 if registers.dtype == "float32" else 0, registers.dtype)
        zero = T.broadcast(nothing, int(registers.shape[2]))
        plan = SharedSums.of(self.known, self.weights)
        for piece, weights in enumerate(plan.pieces):
            inputs = [load(t) for t in weights]
            for which in range(1 << len(inputs) - 1):
                value = plan.piece_sum(piece, which, inputs)
                T.buffer_store(registers, value, [piece, which, lanes])
        for first in range(0, self.kernels, together):
            last = min(first + together, self.kernels)
            store(
                first,
                [
                    plan.response(k, lambda piece, which: registers[piece, which, lanes], zero)
                    for k in range(first, last)
                ],
            )

    def store_sums(
        self,
        load: Callable[[int], Expr],
        store: Callable[[int, Expr], None],
        zero: Expr,
    ) -> None:
        """Write what stores all signed sums of all pieces for a vector of pixels."""
        for piece in range(self.pieces):
            inputs = [load(piece * PIECE + b) for b in range(self.length(piece))]
            for code in range(SUMS):
                bits = [code >> b & 1 for b in range(len(inputs))]
                store(piece * SUMS + code, signed_sum(bits, inputs, zero))

    def pack(self, subset: te.Tensor, block: int) -> te.Tensor:
        """Return where the sums of each kernel's pieces lie, `block` elements apart.

        int8 (K, g, kh, kw) to uint16 or int32 (K, pieces).
        """
        _, _, kh, kw = (int(size) for size in subset.shape)
        dtype = self.place_type(block)

        def place(k: Expr, piece: Expr) -> Expr:
            result = T.Cast(dtype, piece * SUMS)
            for b in range(PIECE):
                # A piece past the end of the unit repeats the last weight; its bit is not used.
                t = T.min(piece * PIECE + b, self.weights - 1)
                positive = subset[k, t // (kh * kw), t // kw % kh, t % kw] > T.int8(0)
                result = result + T.Select(
                    positive, tirx.const(1 << b, dtype), tirx.const(0, dtype)
                )
            return result * tirx.const(block, dtype)

        return te.compute((self.kernels, self.pieces), place, name="pack_pieces")

    def place_type(self, block: int) -> str:
        """Return the dtype of the places of sums that lie `block` elements apart."""
        return "uint16" if self.pieces * SUMS * block < 2**16 else "int32"
