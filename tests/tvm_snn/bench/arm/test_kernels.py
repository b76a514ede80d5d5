"""Kernels for ARM and those written by hand: exact, counted and modelled."""

import pytest

from tests.tvm_snn.bench.arm.needs import needs_counting
from tvm_snn.bench.arm import kernels
from tvm_snn.bench.arm.blocks import Counts
from tvm_snn.bench.arm.kernels import INT8, KINDS, POPCOUNT, baselines, ours
from tvm_snn.bench.arm.machines import MACHINES, Machine
from tvm_snn.bench.arm.model import Estimate, estimate
from tvm_snn.bench.layers_of_resnet18 import Layer

pytestmark = [
    pytest.mark.slow,
    needs_counting,
]
LAYER = Layer(64, 128, 7, 1, 1)


def runs_of(instruction: str, counts: Counts) -> int:
    """How often an instruction or its form for upper halves ran."""
    return sum(
        block.runs * sum(line.split()[0].rstrip("2") == instruction for line in block.instructions)
        for block in counts.blocks
    )


def test_hand_written_convolutions_are_right_and_take_what_they_must(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each checks its result. A register of signs takes 1.5 cycles, 16 products of bytes two.

    By hand, a register's bits are counted once, and 8 of 16 bytes multiplied by an instruction.
    """
    counted: list[Counts] = []

    def recorded(machine: Machine, counts: Counts) -> Estimate:
        counted.append(counts)
        return estimate(machine, counts)

    monkeypatch.setattr(kernels, "estimate", recorded)
    taken = {each.kind: each.estimate for each in baselines(LAYER, MACHINES["cortex-a72"])}
    products = 9 * 64 * 128 * 49
    assert runs_of("cnt", counted[0]) == products // 128
    assert runs_of("smull", counted[1]) == runs_of("smlal", counted[1]) == products // 16
    popcount, int8 = taken[POPCOUNT].computing, taken[INT8].computing
    assert popcount is not None
    assert int8 is not None
    assert 1.5 <= popcount / (products / 128) < 2.5
    assert 2.0 <= int8 / (products / 16) < 2.5
    assert taken[INT8].instructions > taken[POPCOUNT].instructions


def test_pairs_of_channels_are_chosen_to_be_looked_up_and_ahead_of_counting() -> None:
    ways = {each.way: each for each in ours(LAYER, KINDS[4], MACHINES["cortex-a72"])}
    lookup, popcount = ways["subset_lookup"], ways["xnor_popcount"]
    assert lookup.chosen
    assert not popcount.chosen
    assert lookup.estimate.computing is not None
    assert popcount.estimate.computing is not None
    assert lookup.estimate.computing < popcount.estimate.computing
