"""The busiest blocks of a kernel, and the pipes they keep busy."""

import pytest

from tests.tvm_snn.bench.arm.needs import needs_llvm
from tvm_snn.bench.arm import hot_blocks
from tvm_snn.bench.arm.blocks import Block, Counts
from tvm_snn.bench.arm.kernels import KINDS, POPCOUNT
from tvm_snn.bench.arm.machines import MACHINES
from tvm_snn.bench.layers_of_resnet18 import LAYERS

pytestmark = needs_llvm
ADDITIONS = tuple(f"fadd v{lane}.4s, v{lane}.4s, v30.4s" for lane in range(12))
LOADS = ("ldr q0, [x1]", "ldr q1, [x2]")


def test_blocks_come_by_their_cycles_with_the_pipes_that_they_keep_busy() -> None:
    """On a Cortex-A72 an addition of four floats takes both pipes, a load the one for loads."""
    blocks = [Block(0, LOADS, 500, False), Block(64, (*ADDITIONS, "b.ne 0x40"), 1000, True)]
    counts = Counts(blocks, 100, b"")
    machine = MACHINES["cortex-a72"]
    loop, loads = hot_blocks._busiest(LAYERS["64@56"], KINDS[0], POPCOUNT, machine, counts)
    assert loop.instructions == blocks[1].instructions
    assert loop.cycles == pytest.approx(12, abs=0.5)
    assert (loop.pipes["A57UnitW"], loop.pipes["A57UnitX"]) == (12, 12)
    assert loads.pipes["A57UnitL"] == 2
    assert loop.share + loads.share == pytest.approx(1, abs=0.01)
    assert loop.waiting == pytest.approx(600 / (600 + 12_000 + 1_000), abs=0.01)
    table, *code = hot_blocks.hot_block_tables([loop, loads])
    assert [line[4] for line in table.rows] == ["1,000", "500"]
    assert len(code[0].rows) == len(ADDITIONS) + 1
