"""Squares of 8 x 8 elements transposed in registers: channels-last images to planes and back."""

from collections.abc import Callable

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

SQUARE = 8
"""Rows and columns of a square."""
SCRATCH = (4, SQUARE, SQUARE)
"""Shape of the local buffer that a transposition goes through."""
HALF = SQUARE // 2

# Rows k and k + 4 interleaved, element by element: three turns transpose a square.
_INTERLEAVED = [
    [lane for k in range(HALF) for lane in (first + k, SQUARE + first + k)] for first in (0, HALF)
]
# The same within each half of a register, single elements and pairs of them. A row of 4-byte
# elements takes two 128-bit lanes, and what crosses them costs more.
_IN_HALVES = [
    [half + k + at for half in (0, HALF) for k in (first, first + 1) for at in (0, SQUARE)]
    for first in (0, 2)
]
_PAIRS = [
    [half + first + at + k for half in (0, HALF) for at in (0, SQUARE) for k in (0, 1)]
    for first in (0, 2)
]

Load = Callable[[int, int, int], Expr]
"""Gives the elements of a row: (row, first column, columns), 4 or 8 columns."""
Store = Callable[[int, Expr], None]
"""Takes the 8 elements of a column."""


def transpose_square(scratch: tirx.Buffer, load: Load, store: Store) -> None:
    """Write, into the TVMScript function being made, what transposes a square.

    `scratch` is a local buffer of the shape SCRATCH; LLVM keeps it in registers.
    """
    if scratch.dtype in ("float32", "int32"):
        _transpose_halves(scratch, load, store)
    else:
        _interleave(scratch, load, store)


def _interleave(scratch: tirx.Buffer, load: Load, store: Store) -> None:
    for row in range(SQUARE):
        _put(scratch, 0, row, load(row, 0, SQUARE))
    for turn in range(3):
        for row in range(SQUARE):
            both = [_get(scratch, turn, row // 2), _get(scratch, turn, row // 2 + HALF)]
            _put(scratch, turn + 1, row, T.Shuffle(both, _INTERLEAVED[row % 2]))
    for row in range(SQUARE):
        store(row, _get(scratch, 3, row))


def _transpose_halves(scratch: tirx.Buffer, load: Load, store: Store) -> None:
    for first in (0, HALF):
        for row in range(HALF):
            pieces = [load(row, first, HALF), load(row + HALF, first, HALF)]
            _put(scratch, 0, first + row, T.Shuffle(pieces, list(range(SQUARE))))
        for row in range(HALF):
            above = first + row % 2 * 2
            both = [_get(scratch, 0, above), _get(scratch, 0, above + 1)]
            _put(scratch, 1, first + row, T.Shuffle(both, _IN_HALVES[row // 2]))
        for row in range(HALF):
            above = first + row // 2 * 2
            both = [_get(scratch, 1, above), _get(scratch, 1, above + 1)]
            store(first + row, T.Shuffle(both, _PAIRS[row % 2]))


def _get(scratch: tirx.Buffer, turn: int, row: int) -> Expr:
    return scratch[turn, row, T.ramp(0, 1, SQUARE)]


def _put(scratch: tirx.Buffer, turn: int, row: int, value: Expr) -> None:
    T.buffer_store(scratch, value, [turn, row, T.ramp(0, 1, SQUARE)])
