"""Strategy `dot_products`: exact under qemu for any layer, and tight in its inner loop."""

import re
import shutil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schedules.cases import TOP_LEVELS
from tests.schedules.kernels import Case, random_data, random_signs
from tests.schedules.test_neon import count, inner_loops
from tests.tvm_snn.bench.arm.emulation import run_all
from tvm_snn import machine as machines
from tvm_snn.bench.arm.machines import MACHINES, Machine
from tvm_snn.schedules import candidates
from tvm_snn.schedules.dot_products import NAME, obstacle, space
from tvm_snn.target import features_of, parse_target

BYTES, MATRICES = MACHINES["cortex-a76"], MACHINES["neoverse-v1"]
emulated = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("qemu-aarch64-static"), reason="needs the package qemu-user-static"
    ),
]


@st.composite
def convolutions(draw: st.DrawFn) -> Case:
    """Any shape, stride, dilation, padding, batch, number of groups, and knobs."""
    kernel = draw(st.sampled_from([(3, 3), (3, 3), (1, 1), (2, 3), (5, 1)]))
    strides, dilation = ([draw(st.integers(1, 2)) for _ in range(2)] for _ in range(2))
    padding = [draw(st.integers(0, 2)) for _ in range(4)]
    height, width = (
        draw(st.integers((size - 1) * step + 1, 17))
        for size, step in zip(kernel, dilation, strict=True)
    )
    groups, unit = draw(st.sampled_from([1, 1, 2, 3])), draw(st.sampled_from([1, 2]))
    units, outputs = draw(st.sampled_from([1, 2, 8, 9, 12])), draw(st.integers(1, 19))
    batch, layout = draw(st.integers(1, 2)), draw(st.sampled_from(["NCHW", "NHWC", "NHWC"]))
    top = draw(TOP_LEVELS)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (batch, height, width, groups * unit * units)
    data = random_data(generator, shape, "uint8", top=top)
    if layout == "NCHW":
        data = np.ascontiguousarray(data.transpose(0, 3, 1, 2))
    subset = random_signs(generator, (8, unit, *kernel))
    indices = generator.integers(0, 8, (groups * outputs, units)).astype(np.uint8)
    attrs: dict[str, Any] = {
        "strides": strides,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "data_layout": layout,
        "top_level": top,
        "strategy": NAME,
    }
    return Case("snn.subset_conv2d", (data, subset, indices), attrs)


@st.composite
def dense_layers(draw: st.DrawFn) -> Case:
    """Binary dense layers: a row of data or a few."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    leading = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    inputs, outputs = draw(st.sampled_from([7, 16, 40])), draw(st.integers(1, 9))
    data = random_data(generator, (*leading, inputs), "uint8")
    return Case(
        "snn.binary_dense", (data, random_signs(generator, (outputs, inputs))), {"strategy": NAME}
    )


def tuned(case: Case, machine: Machine, at: int) -> Case:
    """The case with one of the combinations of its knobs."""
    knobs = space(case.call(*case.parameters()), features_of(machine.target))
    config = {name: values[at % len(values)] for name, values in knobs.items()}
    return Case(case.operator, case.operands, case.attrs | {"config": config})


@pytest.mark.parametrize("machine", [BYTES, MATRICES], ids=lambda machine: machine.cpu)
class TestUnderEmulation:
    pytestmark = emulated

    @settings(max_examples=2)
    @given(
        cases=st.lists(convolutions(), min_size=6, max_size=6),
        dense=dense_layers(),
        at=st.integers(0, 6),
    )
    def test_every_layer_equals_the_reference(
        self, machine: Machine, cases: list[Case], dense: Case, at: int
    ) -> None:
        layers = [*cases[:3], *(tuned(case, machine, at) for case in cases[3:]), dense]
        for layer, result in zip(layers, run_all(layers, machine), strict=True):
            np.testing.assert_array_equal(result, layer.expected())

    def test_sums_as_large_and_as_small_as_can_be(self, machine: Machine) -> None:
        """Only the largest level, weights of one sign, and borders of a row and of a column."""
        data = np.full((1, 2, 5, 300), 255, np.uint8)
        weight = np.ones((3, 300, 3, 3), np.int8)
        weight[1] = -1
        attrs = {
            "strides": [1, 1],
            "padding": [1, 1, 1, 1],
            "dilation": [1, 1],
            "groups": 1,
            "data_layout": "NHWC",
            "top_level": 255,
            "strategy": NAME,
        }
        case = Case("snn.binary_conv2d", (data, weight), attrs)
        np.testing.assert_array_equal(run_all([case], machine)[0], case.expected())


def layer(top: int = 255, dtype: str = "uint8") -> Case:
    """64 channels at 28x28."""
    generator = np.random.default_rng(0)
    data = random_data(generator, (1, 28, 28, 64), dtype, top=top)
    subset = random_signs(generator, (32, 1, 3, 3))
    indices = generator.integers(0, 32, (64, 64)).astype(np.uint8)
    attrs = {
        "strides": [1, 1],
        "padding": [1, 1, 1, 1],
        "dilation": [1, 1],
        "groups": 1,
        "data_layout": "NHWC",
        "strategy": NAME,
        **({"top_level": top} if dtype == "uint8" else {}),
    }
    return Case("snn.subset_conv2d", (data, subset, indices), attrs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("machine", "instruction", "fewest"),
    [
        # Four channels of four outputs take a quarter of a register of levels as it is loaded.
        pytest.param(BYTES, r"sdot\s+v\d+\.4s, v\d+\.16b, v\d+\.4b\[\d\]", 4 * 16, id="bytes"),
        pytest.param(MATRICES, r"usmmla\s+v\d+\.4s, v\d+\.16b, v\d+\.16b", 16, id="matrices"),
    ],
)
def test_sums_stay_in_registers(machine: Machine, instruction: str, fewest: int) -> None:
    loops = inner_loops(layer(), machine.target)
    hot = max(loops, key=lambda loop: sum(bool(re.search(instruction, line)) for line in loop))
    products = sum(bool(re.search(instruction, line)) for line in hot)
    assert products >= fewest
    loads = sum(count(hot, name) for name in ("ldr", "ldur")) + 2 * count(hot, "ldp")
    assert loads < products
    assert not [line for line in hot if "[sp" in line or "dup" in line]


@pytest.mark.parametrize(("cpu", "top"), [("cortex-a76", 3), ("neoverse-v1", 255)])
def test_it_is_chosen_where_the_target_has_dot_products(cpu: str, top: int) -> None:
    case = layer(top)
    able = candidates(case.call(*case.parameters()), features_of(parse_target(f"llvm -mcpu={cpu}")))
    assert able[0].name == NAME


def test_small_processors_keep_gathering() -> None:
    """By the model of the Cortex-A55, which has the instructions, and starts them in order."""
    case = layer()
    features = features_of(parse_target("llvm -mcpu=cortex-a55"))
    able = [each.name for each in candidates(case.call(*case.parameters()), features)]
    assert able[:2] == ["subset_gather", NAME]


@pytest.mark.parametrize(
    ("target", "dtype", "reason"),
    [
        ("raspberry-pi-4", "uint8", "the target has no dot products of bytes"),
        ("llvm -mcpu=cortex-a9", "uint8", "the target has no dot products of bytes"),
        ("raspberry-pi-5", "int8", "activations are not levels"),
        ("raspberry-pi-5", "float32", "activations are not levels"),
        ("raspberry-pi-5", "uint8", None),
        ("raspberry-pi-4 -mattr=+dotprod", "uint8", None),
    ],
)
def test_obstacles(target: str, dtype: str, reason: str | None) -> None:
    case = layer(dtype=dtype)
    found = obstacle(case.call(*case.parameters()), features_of(parse_target(target)))
    assert found is None if reason is None else found is not None and found.startswith(reason)


@pytest.mark.parametrize(
    ("target", "needed"), [("raspberry-pi-5", "dotprod"), ("llvm -mcpu=neoverse-v1", "i8mm")]
)
def test_an_older_processor_is_told_what_it_lacks(target: str, needed: str) -> None:
    older = machines.Requirements.of(parse_target("raspberry-pi-4"))
    board = machines.Machine(older.architecture, older.extensions, "2.36", "Raspberry Pi 4")
    misfit = machines.Requirements.of(parse_target(target)).misfit(board)
    assert misfit is not None
    assert needed in misfit
