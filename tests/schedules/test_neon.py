"""The inner loops for ARM, looked at in the assembly that LLVM writes, and what is chosen."""

import re

import numpy as np
import pytest
from tvm import relax
from tvm.target import Target

from tests.schedules.kernels import Case, lower, random_data, random_signs
from tests.schedules.test_pack_signs import sources
from tvm_snn.ops.packed_signs import pack
from tvm_snn.schedules import choose
from tvm_snn.schedules.subset_gather.responses import with_known_subset
from tvm_snn.target import features_of, parse_target

A72 = parse_target("llvm -mcpu=cortex-a72")
ATTRS = {
    "strides": [1, 1],
    "padding": [1, 1, 1, 1],
    "dilation": [1, 1],
    "groups": 1,
    "data_layout": "NHWC",
}


def layer(strategy: str, kernels: int, unit: int, *, packed: bool = True) -> Case:
    """256 channels at 14x14."""
    generator = np.random.default_rng(0)
    data = random_data(generator, (1, 14, 14, 256), "int8" if packed else "float32", 0)
    subset = random_signs(generator, (kernels, unit, 3, 3))
    indices = generator.integers(0, kernels, (256, 256 // unit)).astype(np.uint8)
    operands = (pack(data) if packed else data), subset, indices
    return Case("snn.subset_conv2d", operands, {**ATTRS, "strategy": strategy})


def inner_loops(case: Case, target: Target = A72) -> list[list[str]]:
    """Loops of one block of instructions."""
    executable = relax.build(lower(case, target), target)
    text = re.sub(r"^\s*//.*\n", "", "\n".join(sources(executable.mod)), flags=re.MULTILINE)
    pattern = re.compile(r"^(\.L\w+):.*\n((?:(?!\.L\w+:).*\n)*?)\s+b\.\w+\s+\1$", re.MULTILINE)
    return [match.group(2).splitlines() for match in pattern.finditer(text)]


def count(loop: list[str], name: str) -> int:
    return sum(bool(re.match(rf"\s+{name}\s", line)) for line in loop)


@pytest.mark.slow
def test_one_lookup_serves_two_pixels_and_two_channels() -> None:
    """A table's register is looked up in 8 times; what is found is added, and added shifted."""
    hot = max(inner_loops(layer("subset_lookup", 16, 2)), key=lambda loop: count(loop, "tbl"))
    assert count(hot, "tbl") == count(hot, "usra") == 8
    # The rows of two pixels, which have the responses of two channels, are put together by these.
    assert count(hot, "sli") == count(hot, "sri") == 1
    assert count(hot, "add") <= 8 + 1 + 5
    assert not [line for line in hot if "[sp" in line]


@pytest.mark.slow
def test_a_register_of_signs_takes_three_instructions() -> None:
    loops = inner_loops(layer("xnor_popcount", 32, 1))
    loops = [loop for loop in loops if not count(loop, "bic")]
    hot = max(loops, key=lambda loop: count(loop, "cnt"))
    assert count(hot, "cnt") == count(hot, "eor") == 16
    assert not [line for line in hot if "[sp" in line]


@pytest.mark.slow
def test_sums_of_floats_take_few_parts_of_instructions() -> None:
    """32 additions a turn; a pick is a load and an addition to an address; one store of four."""
    case = layer("subset_gather", 32, 1, packed=False)
    subset = case.operands[1]
    known = with_known_subset(case.call(*case.parameters()), subset).attrs["known_subset"]
    case = Case(case.operator, case.operands, case.attrs | {"known_subset": known})
    loops = inner_loops(case)
    hot = max(loops, key=lambda loop: count(loop, "fadd") * (count(loop, "ldrb") > 0))
    assert count(hot, "fadd") == 32
    assert count(hot, "ldrb") + count(hot, "ldurb") == 8
    assert count(hot, "add") <= 8 + 3
    assert count(hot, "st1") == 1
    assert not [line for line in hot if re.search(r"\s(ubfx|lsr|and|stp|str)\s|q\d+, \[sp", line)]
    responses = max(loops, key=lambda loop: count(loop, "fsub"))
    assert count(responses, "st1") == 16
    assert not [line for line in responses if re.search(r"\s(stp|str)\s|\[sp", line)]


@pytest.mark.slow
def test_products_of_floats_take_lanes_of_registers() -> None:
    """A turn is four steps of a tile of pixels and outputs; nothing is put into all lanes first."""
    loops = inner_loops(layer("decoded_dense", 32, 1, packed=False))
    hot = max(loops, key=lambda loop: count(loop, "fmla"))
    assert count(hot, "fmla") >= 4 * 14
    assert all(re.search(r"\.s\[[0-3]\]$", line) for line in hot if "fmla" in line)
    assert not [line for line in hot if "ld1r" in line or "dup" in line or "[sp" in line]


@pytest.mark.parametrize(
    ("kernels", "unit", "packed", "name"),
    [
        (32, 1, True, "xnor_popcount"),
        (16, 1, True, "subset_lookup"),
        (32, 2, True, "subset_lookup"),
        (16, 2, True, "subset_lookup"),
        (32, 1, False, "subset_gather"),
    ],
)
def test_what_a_cortex_a72_gets(kernels: int, unit: int, packed: bool, name: str) -> None:
    case = layer("", kernels, unit, packed=packed)
    assert choose(case.call(*case.parameters()), features_of(A72))[0].name == name


def test_a_cortex_a76_looks_up_where_a_cortex_a72_counts() -> None:
    """Its lookups in two registers are one instruction, not five."""
    case = layer("", 32, 1)
    features = features_of(parse_target("llvm -mcpu=cortex-a76"))
    assert choose(case.call(*case.parameters()), features)[0].name == "subset_lookup"
