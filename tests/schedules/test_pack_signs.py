"""Signs as bits: the kernel of `snn.pack_signs`, alone and after what is fused into it."""

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax, te

from tests.schedules.kernels import Case, lower, random_data, run
from tvm_snn.ops import OPERATORS
from tvm_snn.ops.packed_signs import pack
from tvm_snn.schedules import LEGALIZATIONS, schedule_primfunc
from tvm_snn.schedules.pack_signs import pack_stage
from tvm_snn.target import features_of, parse_target

FUSE = tvm.transform.Sequential(
    [
        relax.transform.LegalizeOps(LEGALIZATIONS),
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FuseOps(),
        relax.transform.FuseTIR(),
    ]
)
TARGETS = ["host", "llvm -mcpu=haswell", "llvm -mcpu=x86-64"]
CHANNELS = st.sampled_from([1, 3, 8, 24, 30, 32, 63, 64, 96, 100, 128, 200])


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Data (N, H, W, C), with zeros of both signs, infinities and NaN, and groups."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    size = [draw(st.integers(1, limit)) for limit in (2, 6, 23)]
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["float32", "int8"]))
    data = random_data(generator, (*size, groups * draw(CHANNELS)), dtype)
    if dtype == "float32":
        odd = np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45], np.float32)
        data = np.where(generator.random(data.shape) < 0.3, generator.choice(odd, data.shape), data)
    return data, groups


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=25)
@given(image=images())
def test_words_are_those_of_the_reference(target: str, image: tuple[np.ndarray, int]) -> None:
    data, groups = image
    case = Case("snn.pack_signs", (data,), {"groups": groups})
    np.testing.assert_array_equal(run(case, parse_target(target)), case.expected())


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=15)
@given(image=images())
def test_the_stage_packs_channels_first_data(target: str, image: tuple[np.ndarray, int]) -> None:
    data, groups = image
    first = np.ascontiguousarray(data.transpose(0, 3, 1, 2))
    operand = te.placeholder(first.shape, str(first.dtype), name="data")
    kernel = te.create_prim_func(
        [operand, pack_stage(operand, groups, "NCHW", features_of(parse_target(target)))]
    )
    compiled = tvm.compile(kernel, target=parse_target(target))
    expected = pack(data, groups)
    result = tvm.runtime.tensor(np.zeros_like(expected))
    compiled(tvm.runtime.tensor(first), result)
    np.testing.assert_array_equal(result.numpy(), expected)


def test_what_comes_before_is_computed_on_the_way() -> None:
    """A bias, in a kernel that writes nothing but words."""
    generator = np.random.default_rng(0)
    data = random_data(generator, (2, 5, 6, 64), "float32")
    bias = generator.standard_normal(64, dtype=np.float32)
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType(data.shape, "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            moved = builder.emit(relax.op.add(x, relax.const(bias)))
            result = builder.emit_output(OPERATORS["snn.pack_signs"](moved, groups=1))
        builder.emit_func_output(result)
    target = parse_target("host")
    with target:
        module = FUSE(builder.get())
    functions = {
        name: schedule_primfunc(function, target)
        if isinstance(function, tvm.tirx.PrimFunc)
        else function
        for name, function in module.functions_items()
    }
    (kernel,) = [f for f in functions.values() if isinstance(f, tvm.tirx.PrimFunc)]
    assert not list(kernel.body.block.alloc_buffers)
    executable = relax.build(tvm.IRModule(functions), target)
    machine = relax.VirtualMachine(executable, tvm.cpu())
    words = machine["main"](tvm.runtime.tensor(data)).numpy()
    np.testing.assert_array_equal(words, pack(data + bias))


@pytest.mark.parametrize(
    ("dtype", "cpu", "instructions"),
    [
        ("float32", "icelake-server", ["vcmpneq_oqps", "vpmovd2m", "kunpckdq"]),
        ("int8", "icelake-server", ["vpmovb2m", "vptest", "kmovq"]),
        ("float32", "haswell", ["vcmpneq_oqps", "vmovmskps"]),
        ("int8", "haswell", ["vpcmpeqb", "vpmovmskb"]),
        ("int8", "x86-64", ["pmovmskb"]),
    ],
)
def test_comparisons_are_the_bits(dtype: str, cpu: str, instructions: list[str]) -> None:
    data = random_data(np.random.default_rng(0), (1, 8, 8, 64), dtype)
    target = parse_target(f"llvm -mcpu={cpu}")
    case = Case("snn.pack_signs", (data,), {"groups": 1})
    text = "\n".join(sources(relax.build(lower(case, target), target).mod))
    for instruction in instructions:
        assert instruction in text
    assert "AllocWorkspace" not in text


def sources(module: tvm.runtime.Module) -> list[str]:
    own = [module.inspect_source("asm")] if module.kind == "llvm" else []
    return own + [text for imported in module.imports for text in sources(imported)]
