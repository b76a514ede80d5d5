"""The inner loops that decide the speed, looked at in the assembly that LLVM writes."""

import re

import numpy as np
import pytest
import tvm
from tvm import relax

from tests.schedules.kernels import Case, lower, random_data, random_signs
from tvm_snn.target import parse_target

ATTRS = {
    "strides": [1, 1],
    "padding": [1, 1, 1, 1],
    "dilation": [1, 1],
    "groups": 1,
    "data_layout": "NCHW",
}


def assembly(
    dtype: str, strategy: str, target_text: str, *, outputs: int = 64, unit: int = 1
) -> str:
    generator = np.random.default_rng(0)
    data = random_data(generator, (1, 64, 14, 14), dtype, top=3)
    subset = random_signs(generator, (32 * unit, unit, 3, 3))
    indices = generator.integers(0, 32 * unit, (outputs, 64 // unit)).astype(np.uint8)
    case = Case(
        "snn.subset_conv2d",
        (data, subset, indices),
        {**ATTRS, "strategy": strategy, "top_level": 3},
    )
    target = parse_target(target_text)
    executable = relax.build(lower(case, target), target)
    return "\n".join(_sources(executable.mod))


def _sources(module: tvm.runtime.Module) -> list[str]:
    own = [module.inspect_source("asm")] if module.kind == "llvm" else []
    return own + [text for imported in module.imports for text in _sources(imported)]


def inner_loops(text: str) -> list[list[str]]:
    """Bodies of loops without a label inside: what stands between a label and a jump back to it."""
    text = re.sub(r"^(\.Ltmp\d+:|\s+\.loc\s.*)\n", "", text, flags=re.MULTILINE)
    pattern = re.compile(r"^(\.L\w+):\n((?:(?!\.L\w+:).*\n)*?)\s+j\w+\s+\1$", re.MULTILINE)
    return [match.group(2).splitlines() for match in pattern.finditer(text)]


def most(loops: list[list[str]], pattern: str) -> list[str]:
    """The loop with the most lines that match."""
    return max(loops, key=lambda loop: sum(bool(re.search(pattern, line)) for line in loop))


@pytest.mark.parametrize(
    ("cpu", "register"), [("haswell", "ymm"), ("skylake-avx512", "zmm"), ("icelake-server", "zmm")]
)
def test_gather_adds_bytes_straight_from_the_table(cpu: str, register: str) -> None:
    add = rf"vpaddb\s+\d*\(.*\), %{register}\d+, %{register}\d+"
    loops = inner_loops(assembly("int8", "subset_gather", f"llvm -mcpu={cpu}"))
    hot = most(loops, add)
    adds = [line for line in hot if re.search(add, line)]
    spills = [line for line in hot if re.search(r"v?mov.*%[xyz]mm.*\(%rsp\)", line)]
    assert len(adds) >= 7
    assert not spills


def test_float_gather_adds_vectors_straight_from_the_table() -> None:
    add = r"vaddps\s+\d*\(.*\), %zmm\d+, %zmm\d+"
    loops = inner_loops(assembly("float32", "subset_gather", "llvm -mcpu=skylake-avx512"))
    assert sum(bool(re.search(add, line)) for line in most(loops, add)) >= 8


@pytest.mark.parametrize(("cpu", "register"), [("haswell", "ymm"), ("skylake-avx512", "zmm")])
def test_gather_of_levels_adds_words_straight_from_the_table(cpu: str, register: str) -> None:
    """Levels up to 3 of 64 channels never leave 16 bits: nothing is widened in the loop."""
    add = rf"vpaddw\s+\d*\(.*\), %{register}\d+, %{register}\d+"
    loops = inner_loops(assembly("uint8", "subset_gather", f"llvm -mcpu={cpu}"))
    hot = most(loops, add)
    assert sum(bool(re.search(add, line)) for line in hot) >= 4
    assert not [line for line in hot if re.search(r"v?mov.*%[xyz]mm.*\(%rsp\)|vpmov[sz]x", line)]


@pytest.mark.parametrize("unit", [1, 2])
@pytest.mark.parametrize("outputs", [64, 128, 256])
def test_lookup_permutes_and_adds_bytes_in_registers(outputs: int, unit: int) -> None:
    text = assembly(
        "int8", "subset_lookup", "llvm -mcpu=icelake-server", outputs=outputs, unit=unit
    )
    hot = most(inner_loops(text), "vpaddusb")
    permutations = sum("vpermb" in line for line in hot)
    assert permutations >= 7
    # Where pixels share bytes, the first lookup of each run of three units adds to nothing.
    shared = unit == 1 and outputs > 64
    sums = permutations * 2 // 3 if shared else permutations
    assert sum("vpaddusb" in line for line in hot) == sums
    assert not [line for line in hot if re.search(r"vmov.*%[xyz]mm\d+, .*\(.*\)", line)]
    assert not [line for line in hot if "vpextr" in line]


@pytest.mark.parametrize("outputs", [128, 256])
def test_where_vectors_are_split_rows_are_put_together_before_they_fill_one(outputs: int) -> None:
    """Additions are plain ones there, which more ports take."""
    text = assembly("int8", "subset_lookup", "llvm -mcpu=znver4", outputs=outputs)
    hot = most(inner_loops(text), r"vpaddb\s+%zmm")
    together = [line for line in hot if "vpternlog" in line]
    assert together
    assert all("%ymm" in line and "%zmm" not in line for line in together)
    assert sum("vpaddb" in line for line in hot) > sum("vpermb" in line for line in hot)
    assert not any("vpaddusb" in line for line in hot)


@pytest.mark.parametrize("cpu", ["icelake-server", "znver4"])
def test_sums_of_a_tile_take_no_memory_however_many_they_are(cpu: str) -> None:
    """Of the core's buffers, the one for codes alone is allocated."""
    texts = [
        assembly("int8", "subset_lookup", f"llvm -mcpu={cpu}", outputs=outputs, unit=unit)
        for outputs in (64, 256)
        for unit in (1, 2)
    ]
    assert len({text.count("__TVMBackendAllocWorkspace") for text in texts}) == 1


@pytest.mark.parametrize("outputs", [64, 128])
def test_shuffles_of_both_halves_of_a_table_share_what_puts_rows_together(outputs: int) -> None:
    """Of three units and two pixels: a load, a shift, a load with an "or", and a swap a unit."""
    text = assembly("int8", "subset_lookup", "llvm -mcpu=haswell", outputs=outputs)
    hot = most(inner_loops(text), "vpshufb")
    counts = {
        name: sum(bool(re.search(rf"\s{name}\s", line)) for line in hot)
        for name in ("vpshufb", "vpaddusb", "vpaddb", "vpor", "vpermq", "vpsllw", "vpsrlw", "vpand")
    }
    units, vectors = counts["vpermq"], counts["vpshufb"] // counts["vpermq"] // 2
    assert units % 3 == 0
    assert vectors * 32 == outputs
    runs = units // 3 * vectors
    assert counts == {
        "vpshufb": 6 * runs,
        "vpaddusb": 5 * runs,
        "vpaddb": 2 * runs,
        "vpor": units,
        "vpermq": units,
        "vpsllw": units,
        "vpsrlw": runs,
        "vpand": 0,
    }
    assert not [line for line in hot if re.search(r"vmov.*%ymm\d+, .*\(.*\)", line)]


@pytest.mark.parametrize(
    ("cpu", "register", "sums"), [("haswell", "ymm", 12), ("skylake-avx512", "zmm", 28)]
)
def test_float_convolution_multiplies_each_input_with_two_vectors_at_once(
    cpu: str, register: str, sums: int
) -> None:
    fused = rf"vfmadd\w+ps\s+%{register}\d+, %{register}\d+, %{register}\d+"
    hot = most(inner_loops(assembly("float32", "decoded_dense", f"llvm -mcpu={cpu}")), fused)
    products = sum(bool(re.search(fused, line)) for line in hot)
    # LLVM may unroll the loop.
    assert products in (sums, 2 * sums)
    assert sum("vbroadcastss" in line for line in hot) == products / 2
    assert not [line for line in hot if re.search(r"vmov.*\(%rsp\)", line)]
