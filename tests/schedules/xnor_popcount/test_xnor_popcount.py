"""Strategy `xnor_popcount`: exact in every form of the data, and tight in its inner loop."""

import re
from typing import Any

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax

from tests.schedules.kernels import Case, lower, random_data, random_signs, run, run_all
from tests.schedules.test_assembly import inner_loops, most
from tests.schedules.test_pack_signs import sources
from tvm_snn.ops.packed_signs import pack
from tvm_snn.schedules.xnor_popcount.strategy import NAME, space
from tvm_snn.target import features_of, parse_target

TARGETS = ["host", "llvm -mcpu=skylake-avx512", "llvm -mcpu=haswell", "llvm -mcpu=x86-64"]
KERNELS = [(3, 3), (3, 3), (1, 1), (2, 3), (5, 1), (7, 7)]


@st.composite
def layers(draw: st.DrawFn) -> tuple[Case, Case, list[int]]:
    """The same layer with int8 data and with packed data, and choices of knobs."""
    kernel = draw(st.sampled_from(KERNELS))
    strides = [draw(st.integers(1, 2)) for _ in range(2)]
    padding = [draw(st.integers(0, 3)) for _ in range(4)]
    height = draw(st.integers(kernel[0], kernel[0] + 4))
    width = draw(st.integers(kernel[1], kernel[1] + 13))
    groups = draw(st.sampled_from([1, 1, 2]))
    channels = draw(st.sampled_from([1, 5, 8, 16, 17, 32, 40, 64, 65, 128, 300]))
    outputs = draw(st.sampled_from([1, 7, 16, 33, 64]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    zeros = draw(st.sampled_from([0.0, 0.0, 0.01, 0.3, 1.0]))
    data = random_data(generator, (2, height, width, groups * channels), "int8", zeros)
    data[0] += data[0] == 0
    weight = random_signs(generator, (groups * outputs, channels, *kernel))
    attrs: dict[str, Any] = {
        "strides": strides,
        "padding": padding,
        "dilation": [draw(st.integers(1, 2)) if size == 1 else 1 for size in kernel],
        "groups": groups,
        "data_layout": "NHWC",
        "strategy": NAME,
    }
    plain = Case("snn.binary_conv2d", (data, weight), attrs)
    packed = Case("snn.binary_conv2d", (pack(data, groups), weight), attrs)
    return plain, packed, [draw(st.integers(0, 6)), draw(st.integers(0, 1))]


@pytest.mark.slow
@pytest.mark.parametrize("target_text", TARGETS)
@settings(max_examples=4)
@given(layer=layers())
def test_every_form_of_the_data_gives_the_reference(
    target_text: str, layer: tuple[Case, Case, list[int]]
) -> None:
    plain, packed, chosen = layer
    target, expected = parse_target(target_text), plain.expected()
    knobs = space(plain.call(*plain.parameters()), features_of(target))
    config = {
        name: options[at % len(options)]
        for at, (name, options) in zip(chosen, knobs.items(), strict=True)
    }
    tuned = Case(packed.operator, packed.operands, {**packed.attrs, "config": config})
    for result in run_all([packed, tuned, plain], target):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("target_text", TARGETS)
@pytest.mark.parametrize(("channels", "size"), [(2100, 1), (700, 7)])
def test_long_sums_are_exact(target_text: str, channels: int, size: int) -> None:
    """More bits than a byte, and products than 16 bits, can count."""
    data = np.ones((1, size, size, channels), np.int8)
    weight = np.ones((5, channels, size, size), np.int8)
    weight[1] = -1
    attrs = {
        "strides": [1, 1],
        "padding": [0, 0, 0, 0],
        "dilation": [1, 1],
        "groups": 1,
        "data_layout": "NHWC",
        "strategy": NAME,
    }
    case = Case("snn.binary_conv2d", (data, weight), attrs)
    np.testing.assert_array_equal(run(case, parse_target(target_text)), case.expected())


def assembly(channels: int, cpu: str) -> str:
    generator = np.random.default_rng(0)
    data = pack(random_data(generator, (1, 14, 14, channels), "int8", 0))
    attrs = {
        "strides": [1, 1],
        "padding": [1, 1, 1, 1],
        "dilation": [1, 1],
        "groups": 1,
        "data_layout": "NHWC",
        "strategy": NAME,
    }
    operands = data, random_signs(generator, (channels, channels, 3, 3))
    target = parse_target(f"llvm -mcpu={cpu}")
    executable: Any = relax.build(lower(Case("snn.binary_conv2d", operands, attrs), target), target)
    module: tvm.runtime.Module = executable.mod
    return "\n".join(sources(module))


@pytest.mark.parametrize(("channels", "sums"), [(64, 20), (256, 14)])
def test_a_word_takes_three_instructions(channels: int, sums: int) -> None:
    """Xor, which broadcasts the pixel itself, count and add; all sums stay in registers."""
    loops = inner_loops(assembly(channels, "icelake-server"))
    hot = most([loop for loop in loops if "vpandn" not in "".join(loop)], "vpxorq")
    for instruction in ("vpxorq", "vpopcntq", "vpaddq"):
        assert sum(bool(re.search(rf"{instruction}\s+.*%zmm", line)) for line in hot) == sums
    assert not [line for line in hot if re.search(r"\(%rsp", line)]
