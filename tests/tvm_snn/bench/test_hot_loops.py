import re

import pytest

from tvm_snn.bench.arm.tools import llvm_tool
from tvm_snn.bench.hot_loops import busiest, hot_loop, inner_loops, ports_table
from tvm_snn.bench.kernels import SINGLE
from tvm_snn.bench.layers_of_resnet18 import Layer
from tvm_snn.errors import SnnError
from tvm_snn.target import parse_target

LOOKUPS = """
.LBB0_1:
\tvmovdqu\t(%rax), %ymm0
\tvpermb\t%zmm0, %zmm2, %zmm1
\tvpaddusb\t%zmm1, %zmm3, %zmm3
\tdecq\t%rcx
\tjne\t.LBB0_1
.LBB0_2:
\tvpaddb\t32(%rax), %ymm1, %ymm1
\tvpaddb\t64(%rax), %ymm2, %ymm2
\tjne\t.LBB0_2
"""


def test_the_busiest_loop_is_found_and_its_responses_are_counted() -> None:
    loops = inner_loops(LOOKUPS)
    assert [len(loop) for loop in loops] == [4, 2]
    assert busiest(loops, "subset_lookup") == (loops[0], 64)
    assert busiest(loops, "subset_gather") == (loops[1], 64)


def test_lookups_of_two_pixels_count_twice_and_two_shuffles_once() -> None:
    shared = LOOKUPS.replace("decq\t%rcx", "vpternlogd\t$216, %zmm4, %zmm5, %zmm0")
    assert busiest(inner_loops(shared), "subset_lookup")[1] == 128
    shuffles = re.sub(
        r"vpermb.*", "vpshufb\t(%rdx), %ymm0, %ymm1\n\tvpshufb\t(%rsi), %ymm6, %ymm7", LOOKUPS
    )
    assert busiest(inner_loops(shuffles), "subset_lookup")[1] == 32


def test_code_without_such_a_loop_is_refused() -> None:
    with pytest.raises(SnnError, match="no loop that adds responses up"):
        busiest(inner_loops("\tret\n"), "subset_lookup")


def test_a_layer_is_modelled_and_measured() -> None:
    try:
        model = llvm_tool("llvm-mca")
    except SnnError:
        pytest.skip("there is no llvm-mca")
    if not re.search(r"-(1[7-9]|[2-9]\d)$", model):
        pytest.skip("this llvm-mca has no model of the processor")
    loop = hot_loop(Layer(64, 64, 8, 1, 1), SINGLE, "AVX2", parse_target("llvm -mcpu=haswell"))
    assert loop.strategy == "subset_lookup"
    # No port works for longer than the loop takes, and the loop not longer than the layer.
    assert max(loop.ports.values()) <= loop.cycles
    assert 0 < loop.share < 1
    assert ports_table([loop]).rows[0][0] == "64@8"
