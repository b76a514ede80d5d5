import re

import pytest

from tvm_snn.bench.clock import clock_hertz
from tvm_snn.bench.hot_loops.layer import LayerParts, take_apart
from tvm_snn.bench.hot_loops.parts import (
    ADDING,
    APART,
    CODES,
    PARITIES,
    REST,
    RESULTS,
    part_of,
    responses,
)
from tvm_snn.bench.hot_loops.replay import replay, replayed
from tvm_snn.bench.hot_loops.steps import Block, blocks_of, count_blocks
from tvm_snn.bench.hot_loops.tables import bounds_table, loops_table, parts_table
from tvm_snn.bench.kernels import SINGLE, chosen_kernel
from tvm_snn.bench.layers_of_resnet18 import Layer
from tvm_snn.bench.llvm import llvm_tool
from tvm_snn.errors import SnnError
from tvm_snn.target import parse_target

LOOKUPS = (
    "movzwl (%rdx), %eax",
    "vmovdqu (%rax), %ymm0",
    "vpermb %zmm0, %zmm2, %zmm1",
    "vpaddusb %zmm1, %zmm3, %zmm3",
    "decq %rcx",
    "jne 0x10",
)
GATHERS = ("vpaddb 0x20(%rax), %ymm1, %ymm1", "vpaddb 0x40(%rax), %ymm2, %ymm2", "jne 0x10")
AVX2 = "llvm -mcpu=haswell"
LAYER = Layer(64, 64, 8, 1, 1)


def test_responses_are_counted_by_what_looks_them_up_and_adds_them() -> None:
    assert responses(LOOKUPS, "subset_lookup") == 64
    assert responses(GATHERS, "subset_gather") == 64
    assert responses(GATHERS, "subset_lookup") == 0


def test_lookups_of_two_pixels_count_twice_and_two_shuffles_once() -> None:
    shared = [line.replace("decq %rcx", "vpternlogd $216, %zmm4, %zmm5, %zmm0") for line in LOOKUPS]
    assert responses(shared, "subset_lookup") == 128
    shuffles = ("vpshufb (%rdx), %ymm0, %ymm1", "vpshufb (%rsi), %ymm6, %ymm7", *LOOKUPS[3:])
    assert responses(shuffles, "subset_lookup") == 32


@pytest.mark.parametrize(
    ("instructions", "part"),
    [
        (LOOKUPS, ADDING),
        (("vgf2p8affineqb $0x0, %zmm1, %zmm6, %zmm0", "vpsrlw $0x8, %zmm15, %zmm2"), APART),
        (("vpaddw 0x40(%r10), %zmm15, %zmm0", "vmovdqu64 %zmm0, 0x40(%r10)", "jae 0x7"), APART),
        (("vpbroadcastw %xmm1, %ymm2", "vpsubw %ymm2, %ymm3, %ymm3"), RESULTS),
        (("vpmovsxwd (%rsi), %zmm4", "vcvtdq2ps %zmm4, %zmm4"), RESULTS),
        (("vgf2p8affineqb $0x0, %zmm0, %zmm3, %zmm0", "vpunpcklbw %zmm1, %zmm0, %zmm2"), CODES),
        (("vpopcntq %ymm0, %ymm17", "vpaddw %xmm4, %xmm3, %xmm3"), PARITIES),
        (("movq (%rbx), %r14", "movq %r14, (%rax)", "jne 0x9"), REST),
    ],
)
def test_parts_are_known_by_their_instructions(instructions: tuple[str, ...], part: str) -> None:
    assert part_of(Block(instructions, 1, False), "subset_lookup") == part


def test_blocks_begin_where_jumps_lead_and_where_counts_change() -> None:
    lines = [
        (0x0, "xorl %eax, %eax", 1),
        (0x2, "incq %rax", 5),
        (0x5, "cmpq $0x5, %rax", 5),
        (0x9, "jne 0x2", 5),
        (0xB, "je 0x11", 1),
        (0xD, "ud2", 0),
        (0x11, "movq %rax, %rbx", 1),
        (0x14, "retq", 1),
    ]
    assert blocks_of(lines) == [
        Block(("xorl %eax, %eax",), 1, False),
        Block(("incq %rax", "cmpq $0x5, %rax", "jne 0x2"), 5, True),
        Block(("je 0x11",), 1, False),
        Block(("movq %rax, %rbx", "retq"), 1, False),
    ]


def test_a_replayed_loop_has_addresses_in_its_buffer_and_no_offsets() -> None:
    text = replayed(("movzwl (%rbx), %r8d", "vmovdqu (%r13,%r8), %ymm0", "decq %rdx", "jne 0x0"))
    assert "leaq buffer+16384(%rip), %rbx" in text
    assert "leaq buffer+16384(%rip), %r13" in text
    assert "xorq %r8, %r8" in text
    assert "jne 0x0" not in text


def test_a_replayed_loop_reads_addresses_of_its_buffer_and_words_that_are_zero() -> None:
    text = replayed(("movq 0x8(%rax), %rdx", "movq (%rdi), %rcx", "vmovups (%rdx,%rcx), %ymm0"))
    assert "movq address(%rip), %rdx" in text
    assert "movq (%rdi), %rcx" in text


def test_a_replayed_chain_of_products_takes_four_cycles_or_more_each() -> None:
    # Of 3 cycles and 1: vectors' products take as long only on some processors.
    chain = Block(("imulq %rax, %rax", "xorq %rbx, %rax") * 20 + ("jne 0x0",), 1, True)
    cycles = replay(chain)() * clock_hertz()
    # The machine may be busy with something else, but never faster.
    assert cycles > 0.8 * 80


def test_steps_are_counted_exactly() -> None:
    _tools()
    kernel = chosen_kernel(LAYER, SINGLE, parse_target(AVX2))
    blocks = count_blocks(kernel.calls)
    assert blocks == count_blocks(kernel.calls)
    work = sum(block.runs * responses(block.instructions, kernel.strategy) for block in blocks)
    # Runs of one unit add nothing to what they look up, and count as none.
    assert 0.95 * 64 * 64 * 64 < work <= 64 * 64 * 64


def _tools() -> None:
    try:
        model = llvm_tool("llvm-mca")
        llvm_tool("llvm-objdump")
    except SnnError:
        pytest.skip("there is no llvm-mca, or no llvm-objdump")
    if not re.search(r"-(1[7-9]|[2-9]\d)$", model):
        pytest.skip("this llvm-mca has no model of the processor")


@pytest.fixture(scope="module")
def taken() -> LayerParts:
    """A small layer, taken apart."""
    _tools()
    return take_apart(LAYER, SINGLE, "AVX2", parse_target(AVX2))


def test_a_layer_is_its_parts(taken: LayerParts) -> None:
    assert taken.strategy == "subset_lookup"
    assert {ADDING, APART, RESULTS, CODES, PARITIES} <= {part.name for part in taken.parts}
    # No port works for longer than the loop takes, and the loop not longer than all parts.
    assert max(taken.loop.ports.values()) <= taken.loop.cycles
    adding = next(part for part in taken.parts if part.name == ADDING)
    assert 0 < taken.loop.turns * taken.loop.cycles <= adding.cycles < taken.modelled
    assert taken.loop.alone > 0.8 * max(taken.loop.ports.values())


def test_tables_of_a_layer(taken: LayerParts) -> None:
    assert loops_table([taken]).rows[0][0] == "64@8"
    rows = parts_table([taken]).rows
    assert rows[-1][1] == "measured"
    assert rows[-1][-1] == "100%"
    bounds = bounds_table([taken]).rows
    assert bounds[0][-1] == "1.00"
    assert [row[1] for row in bounds][-1] == "loop by the model"
