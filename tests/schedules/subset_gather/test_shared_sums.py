"""Responses written out as few additions: the same sums, fewer of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvm_snn.schedules.subset_gather.shared_sums import SharedSums


def responses(codes: tuple[int, ...], inputs: list[int]) -> list[int]:
    """What the plan for the kernels computes, with integers for vectors."""
    plan = SharedSums.of(codes, len(inputs))
    sums = {
        (piece, which): plan.piece_sum(piece, which, [inputs[t] for t in weights])
        for piece, weights in enumerate(plan.pieces)
        for which in range(1 << len(weights) - 1)
    }
    return [plan.response(k, lambda piece, which: sums[piece, which], 0) for k in range(len(codes))]


@given(weights=st.integers(1, 20), kernels=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_responses_are_sums_of_signed_inputs(weights: int, kernels: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    bits = generator.integers(0, 2, (kernels, weights))
    inputs = [int(value) for value in generator.integers(-1000, 1000, weights)]
    codes = tuple(int(sum(int(bit) << t for t, bit in enumerate(row))) for row in bits)
    assert responses(codes, inputs) == [int(r) for r in (2 * bits - 1) @ np.array(inputs)]


class Counted:
    """A value that counts the additions made of it; equal additions count once."""

    def __init__(self, name: str, seen: set[str]) -> None:
        self.name, self.seen = name, seen

    def _made(self, name: str) -> "Counted":
        self.seen.add(name)
        return Counted(name, self.seen)

    def __add__(self, other: "Counted") -> "Counted":
        return self._made(f"({' + '.join(sorted((self.name, other.name)))})")

    def __sub__(self, other: "Counted") -> "Counted":
        return self._made(f"({self.name} - {other.name})")


@pytest.mark.parametrize("seed", range(4))
def test_random_subsets_of_32_take_less_than_75_additions(seed: int) -> None:
    """Straight from pieces of three it is 79: 18 for pieces, 21 that join two, 8 negations, 32."""
    codes = tuple(int(c) for c in np.random.default_rng(seed).choice(512, 32, replace=False))
    seen: set[str] = set()
    plan = SharedSums.of(codes, 9)
    inputs = [Counted(f"x{t}", seen) for t in range(9)]
    sums = {
        (piece, which): plan.piece_sum(piece, which, [inputs[t] for t in weights])
        for piece, weights in enumerate(plan.pieces)
        for which in range(4)
    }
    zero = Counted("0", seen)
    for k in range(32):
        plan.response(k, lambda piece, which: sums[piece, which], zero)
    assert len(seen) < 75
