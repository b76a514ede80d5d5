"""What qemu's plugins count, against programs whose instructions and lines are known."""

from collections import Counter
from pathlib import Path

import pytest

from tests.tvm_snn.bench.arm.needs import needs_counting
from tvm_snn.bench.arm import blocks
from tvm_snn.bench.arm.blocks import Counts, count
from tvm_snn.bench.arm.emulate import compile_program
from tvm_snn.bench.arm.machines import MACHINES
from tvm_snn.schedules.near_cache import LINE_BYTES

pytestmark = [
    pytest.mark.slow,
    needs_counting,
]
KB = 1024
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
static char data[BYTES] __attribute__((aligned(64)));
int main(int count, char **arguments) {
  for (int turns = atoi(arguments[1]); turns; --turns)
    __asm__ volatile("mov x1, %0\\n mov x0, %1\\n"
                     "1: ldr x2, [x1], #64\\n subs x0, x0, #1\\n b.ne 1b"
                     :: "r"(data), "r"((long)BYTES / 64) : "x0", "x1", "x2", "cc", "memory");
  putchar('!');
  return 0;
}
"""


def test_a_loop_that_was_cut_is_one_block_again() -> None:
    """Two of twelve runs of its second part begin there."""
    code = {0: "add x0, x0, #1", 4: "subs x1, x1, #1", 8: "b.ne 0x0", 12: "ret"}
    cut = Counter({(0, 2): 10, (8, 1): 12, (12, 1): 2})
    joined = blocks.join(cut, code)
    assert {block: runs for block, runs in joined.items() if runs} == {
        (0, 3): 10,
        (8, 1): 2,
        (12, 1): 2,
    }


def counts(folder: Path, size: int) -> Counts:
    """Count a program that reads a word of every line of so many bytes, in a turn."""
    machine, source = MACHINES["cortex-a72"], folder / "lines.c"
    source.write_text(PROGRAM)
    return count(machine, compile_program(machine, folder, source, {"BYTES": size}), b"")


@pytest.mark.parametrize(
    ("size", "lacking"), [pytest.param(8 * KB, 0, id="fits"), pytest.param(64 * KB, 1, id="not")]
)
def test_a_loop_over_lines(tmp_path: Path, size: int, lacking: int) -> None:
    """The lines of a turn that follow each other push out those of the turn before, or none."""
    counted = counts(tmp_path, size)
    runs = size // LINE_BYTES
    loads = sum(
        block.runs * sum(line.startswith("ldr x2, [x1], #") for line in block.instructions)
        for block in counted.blocks
    )
    (loop,) = (block for block in counted.blocks if block.loops and len(block.instructions) == 3)
    assert loads == runs
    # The first turn of the loop is in the block that leads to it.
    assert loop.runs == runs - 1
    total = sum(block.runs * len(block.instructions) for block in counted.blocks)
    assert 3 * runs <= total < 3 * runs + 50
    assert counted.lines == lacking * runs
    assert counted.output == b"!"
