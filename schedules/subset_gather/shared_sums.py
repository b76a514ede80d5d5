"""Responses to kernels that are known: which sums to share, so that few additions are left.

A unit's weights are cut into pieces of three; a piece has four sums that differ by more than their
sign. A response joins the sums of the first two pieces, then adds those of the others. Kernels
that agree (or disagree) in all weights of the first two pieces share what was joined, so weights
are put in the order in which most kernels do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from tvm.ir import Expr

PIECE = 3
"""Weights in a piece: 2^3 sums a piece are few enough to compute them all."""
_JOINED = 2 * PIECE
"""Weights of two pieces."""

Term = tuple[int, int, int]
"""One signed piece sum: the sign, the piece, and which of its sums."""
Sum = tuple[int, int]
"""A piece and which of its sums."""
Joined = tuple[Sum, Sum, bool]
"""Two sums, and whether they have the same sign."""


@dataclass(frozen=True)
class SharedSums:
    """What to add up for each kernel."""

    pieces: tuple[tuple[int, ...], ...]
    """The weights of each piece."""
    kernels: tuple[tuple[Term, ...], ...]
    """The piece sums of each kernel."""
    turned: frozenset[Sum | Joined]
    """Sums that are computed with the other sign, which costs nothing and saves negations."""

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, codes: tuple[int, ...], weights: int) -> "SharedSums":
        """Return the sums for kernels given as integers, bit t set where weight t is +1."""
        order = _order(codes, weights)
        pieces = tuple(tuple(order[p : p + PIECE]) for p in range(0, weights, PIECE))
        kernels = [[_term(code, p, piece) for p, piece in enumerate(pieces)] for code in codes]
        kernels = _first_two(kernels)
        return cls(pieces, tuple(map(tuple, kernels)), _turned(kernels, pieces))

    def piece_sum(self, piece: int, which: int, inputs: Sequence[Expr]) -> Expr:
        """Return a sum of a piece's inputs; the bits of `which` say which have the first's sign."""
        result = inputs[0]
        for b, value in enumerate(inputs[1:]):
            if which >> b & 1:
                result = result + value
            elif b == PIECE - 2 and (piece, which) in self.turned:
                result = value - result
            else:
                result = result - value
        return result

    def response(self, k: int, sum_of: Callable[[int, int], Expr], zero: Expr) -> Expr:
        """Return the response to kernel k; `sum_of` gives a sum of a piece."""
        values = [sum_of(piece, which) for _, piece, which in self.kernels[k]]
        signs = _signs(self.kernels[k], self.turned)
        if len(values) > 1:
            _, joined = _joined(self.kernels[k])
            first, second = values[:2]
            if joined[2]:
                value = first + second
            else:
                value = second - first if joined in self.turned else first - second
            values = [value, *values[2:]]
        return signed_sum([int(sign > 0) for sign in signs], values, zero)


def signed_sum(bits: Sequence[int], values: Sequence[Expr], zero: Expr) -> Expr:
    """Return the sum of values, subtracted where a bit is 0, with few negations."""
    added = [value for bit, value in zip(bits, values, strict=True) if bit]
    taken = [value for bit, value in zip(bits, values, strict=True) if not bit]
    result = added[0] if added else zero
    for value in added[1:]:
        result = result + value
    for value in taken:
        result = result - value
    return result


def _order(codes: Sequence[int], weights: int) -> list[int]:
    """Return the weights in an order whose first two pieces are shared by most kernels."""
    if not PIECE < weights <= _JOINED + PIECE:
        return list(range(weights))
    signs = np.array(codes)[:, None] >> np.arange(weights) & 1
    best: tuple[int, list[int]] | None = None
    for last in combinations(range(weights), PIECE):
        rest = [t for t in range(weights) if t not in last]
        # Kernels that differ in the sign of all of these weights count as one.
        shared = len(np.unique(signs[:, rest] ^ signs[:, rest[:1]], axis=0))
        if best is None or shared < best[0]:
            best = shared, [*rest, *last]
    assert best is not None
    return best[1]


def _term(code: int, piece: int, weights: Sequence[int]) -> Term:
    """Return the sum of a piece for a kernel; sums are named by which signs equal the first."""
    first, *others = [code >> t & 1 for t in weights]
    return 2 * first - 1, piece, sum((bit == first) << b for b, bit in enumerate(others))


def _first_two(kernels: list[list[Term]]) -> list[list[Term]]:
    """Return each kernel's terms with those two pieces first that let most kernels share a sum."""
    pieces = len(kernels[0])
    if pieces < 2:
        return kernels

    def order(pair: tuple[int, int]) -> list[int]:
        return [*pair, *(p for p in range(pieces) if p not in pair)]

    def shared(pair: tuple[int, int]) -> int:
        return len({_joined([terms[p] for p in order(pair)])[1] for terms in kernels})

    best = order(min(combinations(range(pieces), 2), key=shared))
    return [[terms[p] for p in best] for terms in kernels]


def _joined(terms: Sequence[Term]) -> tuple[int, Joined]:
    """Return the sign and the name of the first two sums, joined."""
    (sign, *first), (other, *second) = terms[:2]
    return sign, ((first[0], first[1]), (second[0], second[1]), sign == other)


def _signs(terms: Sequence[Term], turned: frozenset[Sum | Joined]) -> list[int]:
    """Return the signs of what a response adds: the joined sums, then the others."""
    if len(terms) < 2:
        return [terms[0][0]]
    sign, joined = _joined(terms)
    signs = [-sign if joined in turned else sign]
    return signs + [-s if (piece, w) in turned else s for s, piece, w in terms[2:]]


def _turned(
    kernels: Sequence[Sequence[Term]], pieces: Sequence[Sequence[int]]
) -> frozenset[Sum | Joined]:
    """Return sums to compute with the other sign, so that few responses are all negative.

    That is free for a difference: of two joined sums, and of a piece whose last weight is taken
    off. Sums are turned one after the other as long as it helps.
    """
    if len(pieces) < 2:
        return frozenset()
    free: set[Sum | Joined] = set()
    for terms in kernels:
        joined = _joined(terms)[1]
        free |= set() if joined[2] else {joined}
        free |= {
            (piece, which)
            for _, piece, which in terms[2:]
            if len(pieces[piece]) == PIECE and not which >> PIECE - 2 & 1
        }

    def negations(turned: frozenset[Sum | Joined]) -> int:
        return sum(max(_signs(terms, turned)) < 0 for terms in kernels)

    turned: frozenset[Sum | Joined] = frozenset()
    for each in sorted(free, key=str):
        turned = min(turned, turned | {each}, key=negations)
    return turned
