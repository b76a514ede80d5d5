"""Strategy `subset_lookup`: exact in every form of the data and of the target, and tight loops."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tvm import relax

from tests.schedules.kernels import Case, lower, random_data, random_signs, run_all
from tests.schedules.test_assembly import inner_loops, most
from tests.schedules.test_pack_signs import sources
from tvm_snn.ops.packed_signs import pack
from tvm_snn.schedules import choose
from tvm_snn.schedules.subset_lookup.strategy import NAME, cycles, obstacle, space
from tvm_snn.target import features_of, parse_target

TARGETS = ["host", "llvm -mcpu=skylake-avx512", "llvm -mcpu=haswell", "llvm -mcpu=nehalem"]
ONES = {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1}


@st.composite
def layers(draw: st.DrawFn) -> tuple[Case, Case, list[int]]:
    """The same layer with int8 data and with packed data, and choices of knobs."""
    kernels, unit = draw(
        st.sampled_from([(32, 1), (32, 2), (16, 2), (8, 1), (4, 1), (3, 1), (16, 8), (64, 2)])
    )
    kernel = draw(st.sampled_from([(3, 3), (3, 3), (1, 1), (5, 5), (2, 7)]))
    stride, dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2), (2, 2), (3, 1)]))
    padding = [draw(st.integers(0, 3)) for _ in range(4)]
    height = draw(st.integers((kernel[0] - 1) * dilation + 1, 12))
    width = draw(st.integers((kernel[1] - 1) * dilation + 1, 40))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    units = draw(st.sampled_from([1, 2, 4, 9, 30, 67, 104]))
    outputs = draw(st.sampled_from([1, 11, 64, 100, 128, 130]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    data = random_data(generator, (2, height, width, groups * units * unit), "int8", zeros=0)
    zeros = draw(st.sampled_from(["none", "none", "one", "a channel", "many"]))
    if zeros == "one":
        data[1, height // 2, width // 2, -1] = 0
    elif zeros == "a channel":
        data[0, :, :, 0] = 0
    elif zeros == "many":
        data *= generator.integers(0, 2, data.shape, dtype=np.int8)
    subset = random_signs(generator, (kernels, unit, *kernel))
    indices = generator.integers(0, kernels, (outputs * groups, units)).astype(np.uint8)
    attrs: dict[str, Any] = {
        "strides": [stride, stride],
        "padding": padding,
        "dilation": [dilation, dilation],
        "groups": groups,
        "data_layout": "NHWC",
        "strategy": NAME,
    }
    plain = Case("snn.subset_conv2d", (data, subset, indices), attrs)
    packed = Case("snn.subset_conv2d", (pack(data, groups), subset, indices), attrs)
    return plain, packed, [draw(st.integers(0, 7)) for _ in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize("target_text", TARGETS)
@settings(max_examples=3)
@given(layer=layers())
def test_every_form_of_the_data_gives_the_reference(
    target_text: str, layer: tuple[Case, Case, list[int]]
) -> None:
    plain, packed, chosen = layer
    target = parse_target(target_text)
    call, features = plain.call(*plain.parameters()), features_of(target)
    if obstacle(call, features):
        return
    expected = plain.expected()
    knobs = space(call, features)
    config = {
        name: options[at % len(options)]
        for at, (name, options) in zip(chosen, knobs.items(), strict=True)
    }
    tuned = Case(packed.operator, packed.operands, {**packed.attrs, "config": config})
    for result in run_all([packed, tuned, plain], target):
        np.testing.assert_array_equal(result, expected)


def layer(
    channels: int, size: int, kernels: int, unit: int = 1, outputs: int = 0, zeros: float = 0
) -> Case:
    """A layer of packed signs; outputs are as many as channels where they are not said."""
    generator = np.random.default_rng(channels + size + kernels)
    data = random_data(generator, (1, size, size, channels), "int8", zeros)
    subset = random_signs(generator, (kernels, unit, 3, 3))
    indices = generator.integers(0, kernels, (outputs or channels, channels // unit))
    operands = pack(data), subset, indices.astype(np.uint8)
    return Case("snn.subset_conv2d", operands, {**ONES, "data_layout": "NHWC", "strategy": NAME})


def scaled(builder: relax.BlockBuilder, result: relax.Expr) -> relax.Expr:
    """What follows a layer: a factor for each of its outputs, the last axis."""
    floats = builder.emit(relax.op.astype(result, "float32"))
    return builder.emit(relax.op.multiply(floats, relax.const(factors(int(result.ty.shape[-1])))))


def factors(outputs: int) -> NDArray[np.float32]:
    return np.linspace(-2, 2, outputs).astype(np.float32)


@pytest.mark.parametrize("target_text", TARGETS)
def test_scaled_results_of_packed_signs(target_text: str) -> None:
    """What follows is done part by part; the last segments, strips and vectors overlap others."""
    cases = [layer(96, 13, 32, 2, outputs=150, zeros=zeros) for zeros in (0, 0.002)]
    cases += [layer(32, 19, 32, outputs=64, zeros=zeros) for zeros in (0, 0.01)]
    # A single segment, whose outputs two jobs share.
    cases += [layer(32, 7, 32, outputs=512, zeros=zeros) for zeros in (0, 0.01)]
    results = run_all(cases, parse_target(target_text), scaled)
    for case, result in zip(cases, results, strict=True):
        expected = case.expected().astype(np.float32)
        np.testing.assert_array_equal(result, expected * factors(expected.shape[-1]))


@pytest.mark.parametrize(
    ("channels", "size", "pixels"),
    # One part of the outputs: a pixel; several: the rows of a segment.
    [(64, 56, (1, 1, 1)), (256, 14, (1, 1, 1)), (512, 14, (1, 2, 14))],
)
def test_results_are_taken_as_soon_as_a_pixel_has_all(
    channels: int, size: int, pixels: tuple[int, ...]
) -> None:
    """The results of a pixel or segment are all that is kept of them before what follows."""
    case = layer(channels, size, 32)
    text = lower(case, parse_target("llvm -mcpu=icelake-server"), scaled).script()
    (buffer,) = re.findall(r"_of_job = T.sblock_alloc_buffer\(\((.*)\), \"int16\"\)", text)
    assert tuple(map(int, re.findall(r"int64\((\d+)\)", buffer))) == (*pixels, channels)


@st.composite
def shared_bytes(draw: st.DrawFn) -> list[Case]:
    """A layer whose responses are small enough for two pixels to share a byte, with knobs set.

    Its packed signs are random, without zeros and with some, and such that sums are as large as
    they can be: all patches differ from all kernels in every bit, or in none.
    """
    kernels, kernel = draw(st.sampled_from([(32, (3, 3)), (16, (3, 3)), (20, (1, 7)), (9, (2, 2))]))
    unit = draw(st.sampled_from([1, 1, 2]))
    units, outputs = draw(st.integers(1, 130)), draw(st.sampled_from([1, 40, 64, 128, 200, 256]))
    height, width = draw(st.integers(3, 9)), draw(st.integers(7, 20))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (1, height, width, units * unit)
    subset = random_signs(generator, (kernels, unit, *kernel))
    ones = np.ones_like(subset)
    operands = [(random_data(generator, shape, "int8", zeros), subset) for zeros in (0, 0.001)]
    operands += [(np.full(shape, sign, np.int8), -sign * ones) for sign in (1, -1)]
    indices = generator.integers(0, kernels, (outputs, units)).astype(np.uint8)
    config = {
        "sharing": 2,
        "pixels": draw(st.sampled_from([4, 6, 8])),
        "blocks": draw(st.sampled_from([1, 2, 4])),
        "segment": draw(st.sampled_from([14, 28])),
    }
    attrs = {**ONES, "padding": [1, 0, 1, 2], "data_layout": "NHWC", "strategy": NAME}
    attrs["config"] = config
    return [
        Case("snn.subset_conv2d", (pack(data), kernels_, indices), attrs)
        for data, kernels_ in operands
    ]


@pytest.mark.slow
@pytest.mark.parametrize("target_text", TARGETS)
@settings(max_examples=4)
@given(cases=shared_bytes())
def test_two_pixels_may_share_the_bytes_looked_up(target_text: str, cases: list[Case]) -> None:
    """Runs of units that do not fill a chunk, odd widths, zeros, and the largest sums."""
    for case, result in zip(cases, run_all(cases, parse_target(target_text)), strict=True):
        np.testing.assert_array_equal(result, case.expected())


def test_responses_that_need_more_than_half_a_byte_do_not_share_it() -> None:
    features = features_of(parse_target("llvm -mcpu=icelake-server"))
    for unit, sharing in ((1, (1, 2)), (3, (1, 2)), (4, (1,))):
        case = layer(12, 5, 32, unit)
        assert space(case.call(*case.parameters()), features)["sharing"] == sharing


def test_units_too_large_or_too_many_kernels_are_obstacles() -> None:
    haswell = features_of(parse_target("llvm -mcpu=haswell"))
    old = features_of(parse_target("llvm -mcpu=x86-64"))
    case = layer(60, 5, 33)
    assert "32 kernels, not from 33" in str(obstacle(case.call(*case.parameters()), haswell))
    assert "cannot look bytes up" in str(obstacle(case.call(*case.parameters()), old))
    case = layer(60, 5, 4, unit=60)
    assert "overflows" in str(obstacle(case.call(*case.parameters()), haswell))


@pytest.mark.parametrize("cpu", ["haswell", "skylake-avx512", "icelake-server"])
def test_the_more_a_lookup_adds_the_cheaper(cpu: str) -> None:
    """Two channels to a unit are cheaper than one; sixteen kernels never dearer than 32."""
    features = features_of(parse_target(f"llvm -mcpu={cpu}"))
    for channels, size in ((64, 56), (128, 28), (256, 14), (512, 7)):
        costs = {}
        for kernels in (16, 32):
            for unit in (1, 2):
                case = layer(channels, size, kernels, unit)
                call = case.call(*case.parameters())
                costs[kernels, unit] = cycles(call, features)
                if cpu == "icelake-server" or kernels == 16:
                    assert choose(call, features)[0].name == NAME
        assert costs[32, 2] < costs[32, 1]
        assert costs[16, 1] <= costs[32, 1]


def assembly(case: Case, cpu: str) -> list[list[str]]:
    """The inner loops of a layer's kernels."""
    target = parse_target(f"llvm -mcpu={cpu}")
    return inner_loops("\n".join(sources(relax.build(lower(case, target), target).mod)))


@pytest.mark.parametrize(
    ("cpu", "lookup", "register"),
    [("icelake-server", "vpermb", "zmm"), ("haswell", "vpshufb", "ymm")],
)
@pytest.mark.parametrize("unit", [1, 2])
@pytest.mark.parametrize("outputs", [64, 128, 256])
def test_lookups_and_sums_stay_in_registers(
    cpu: str, lookup: str, register: str, outputs: int, unit: int
) -> None:
    hot = most(assembly(layer(64, 14, 32, unit, outputs), cpu), "vpaddusb")
    lookups = sum(lookup in line for line in hot)
    assert lookups >= 4
    # Where pixels share bytes, the first lookup of each run of three units (of one, if that is two
    # channels) adds to nothing; each sum of a run is added twice, once shifted.
    sums = lookups // (3 if unit == 1 else 1) // (1 if lookup == "vpermb" else 2)
    plain = sum("vpaddb" in line and "(" not in line for line in hot)
    added = sum("vpaddusb" in line for line in hot)
    if lookup == "vpshufb" or (unit == 1 and outputs > 64):
        assert (added, plain) == (lookups - sums, 2 * sums)
    else:
        assert added == lookups
    assert not [line for line in hot if re.search(rf"vmov.*%{register}\d+, .*\(.*\)", line)]
    assert not [line for line in hot if "vpextr" in line]


def test_codes_are_sums_of_constants_under_masks() -> None:
    """Three words for half a word of channels: other columns come from the last pixel."""
    hot = most(assembly(layer(64, 28, 32), "cannonlake"), r"kmovd\s+-?\d*\(")
    masks = sum(bool(re.search(r"kmovd\s+-?\d*\(", line)) for line in hot)
    assert masks in (6, 12, 24)
    assert sum(bool(re.search(r"vpaddw.*\{%k", line)) for line in hot) == masks
    assert sum("vpsrlw" in line for line in hot) == masks // 3


def test_codes_are_transposed_bits() -> None:
    """Lower and upper bytes of a word of channels take one permutation and one product each."""
    hot = most(assembly(layer(64, 28, 32), "icelake-server"), "vgf2p8affineqb")
    products = sum("vgf2p8affineqb" in line for line in hot)
    assert products in (2, 4, 8)
    assert sum("vpermb" in line for line in hot) == products
    assert not [line for line in hot if "kmov" in line]


def test_columns_are_made_once_where_there_are_no_masks() -> None:
    """A row of a column of 64 channels takes one load and two comparisons."""
    hot = most(assembly(layer(64, 28, 32), "haswell"), "vpcmpeqb")
    loads = sum("vpbroadcastq" in line for line in hot)
    assert loads in (3, 6)
    assert sum("vpcmpeqb" in line for line in hot) == 2 * loads
