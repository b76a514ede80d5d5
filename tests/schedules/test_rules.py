"""The generic rules: whatever TVM lowers stays right, and no loop nest stays scalar for nothing."""

from collections.abc import Callable

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax
from tvm.relax import op

from tvm_snn.schedules import LEGALIZATIONS, schedule_primfunc
from tvm_snn.target import parse_target

Program = Callable[..., relax.Expr]


def build(program: Program, shapes: list[tuple[int, ...]], *, ours: bool) -> tvm.IRModule:
    """The lowered module of `program(builder, *inputs)`, by our means or by TVM's alone."""
    builder = relax.BlockBuilder()
    inputs = [
        relax.Var(f"input{i}", relax.TensorType(shape, "float32")) for i, shape in enumerate(shapes)
    ]
    with builder.function("main", inputs):
        with builder.dataflow():
            output = builder.emit_output(builder.emit(program(builder, *inputs)))
        builder.emit_func_output(output)
    passes = [
        relax.transform.LegalizeOps(LEGALIZATIONS if ours else None),
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FuseOps(),
        relax.transform.FuseTIR(),
    ]
    target = parse_target("host")
    with target:
        module = tvm.transform.Sequential(passes)(builder.get())
    if not ours:
        return module
    functions = {
        name: schedule_primfunc(function, target)
        if isinstance(function, tvm.tirx.PrimFunc)
        else function
        for name, function in module.functions_items()
    }
    return tvm.IRModule(functions, attrs=module.attrs)


def check(program: Program, *shapes: tuple[int, ...]) -> None:
    """Ours and TVM's give the same for random inputs."""
    generator = np.random.default_rng(0)
    inputs = [tvm.runtime.tensor(generator.standard_normal(s, dtype=np.float32)) for s in shapes]
    results = []
    for ours in (True, False):
        executable = relax.build(build(program, list(shapes), ours=ours), parse_target("host"))
        results.append(relax.VirtualMachine(executable, tvm.cpu())["main"](*inputs).numpy())
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-4)


def _normalized(_builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
    ones = relax.const(np.ones(6, np.float32))
    return op.nn.layer_norm(x, ones, ones, axes=-1)


PROGRAMS: dict[str, tuple[Program, tuple[tuple[int, ...], ...]]] = {
    "matmul": (lambda _, x, y: op.matmul(x, y), ((37, 70), (70, 50))),
    "matmul of one row": (lambda _, x, y: op.matmul(x, y), ((1, 512), (512, 1000))),
    "matmul with a prime width": (lambda _, x, y: op.matmul(x, y), ((5, 7), (7, 131))),
    "batched matmul": (lambda _, x, y: op.matmul(x, y), ((3, 4, 5), (3, 5, 6))),
    "matmul of a transposed matrix": (
        lambda b, x, y: op.matmul(x, b.emit(op.permute_dims(y))),
        ((9, 33), (17, 33)),
    ),
    "max pool": (lambda _, x: op.nn.max_pool2d(x, (3, 3), (2, 2), (1, 1, 1, 1)), ((2, 5, 13, 12),)),
    "max pool of stride 1": (
        lambda _, x: op.nn.max_pool2d(x, (3, 3), (1, 1), (1, 1, 1, 1)),
        ((2, 5, 13, 130),),
    ),
    "average pool": (lambda _, x: op.nn.avg_pool2d(x, (2, 2), (2, 2)), ((2, 5, 12, 12),)),
    "pool channels last": (
        lambda _, x: op.nn.max_pool2d(x, (2, 2), (2, 2), layout="NHWC"),
        ((2, 12, 12, 16),),
    ),
    "mean": (lambda _, x: op.mean(x, [2, 3]), ((2, 40, 7, 7),)),
    "sum of everything": (lambda _, x: op.sum(x), ((4, 1000),)),
    "max along rows": (lambda _, x: op.max(x, [0]), ((50, 64),)),
    "argmax": (lambda _, x: op.argmax(x, 1), ((4, 100),)),
    "softmax": (lambda _, x: op.nn.softmax(x), ((3, 1000),)),
    "layer norm": (_normalized, ((5, 6),)),
    "sign and cast": (lambda b, x: op.astype(b.emit(op.sign(x)), "int8"), ((1, 64, 56, 56),)),
    "permute": (lambda _, x: op.permute_dims(x, [0, 2, 3, 1]), ((1, 64, 30, 30),)),
    "resize": (lambda _, x: op.image.resize2d(x, (11, 13), layout="NCHW"), ((1, 4, 7, 7),)),
    "concatenate": (lambda _, x, y: op.concat([x, y], 1), ((1, 4, 9, 9), (1, 3, 9, 9))),
    "pad": (lambda _, x: op.nn.pad(x, [0, 0, 1, 2, 0, 3]), ((4, 9, 70),)),
    "broadcast": (lambda _, x, y: op.add(x, y), ((2, 3, 8, 113), (1, 3, 1, 1))),
    "scalar": (lambda _, x: op.add(x, x), ((),)),
    "one element": (lambda _, x: op.exp(x), ((1, 1, 1),)),
    "gather rows": (
        lambda _, x: op.take(x, relax.const(np.array([3, 0, 0, 2])), axis=0),
        ((5, 40),),
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_rules_keep_the_result(name: str) -> None:
    program, shapes = PROGRAMS[name]
    check(program, *shapes)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Program, tuple[int, ...], tuple[int, ...]]:
    """A float convolution, its data's shape and its weights' shape."""
    integer = st.integers
    groups = draw(st.sampled_from([1, 1, 2, 5]))
    channels, outputs = draw(integer(1, 4)), draw(integer(1, 6))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (7, 7), (2, 5)]))
    layout = draw(st.sampled_from(["NCHW", "NHWC"]))
    attrs = {
        "strides": (draw(integer(1, 2)), draw(integer(1, 3))),
        "padding": tuple(draw(integer(0, 3)) for _ in range(4)),
        "dilation": (draw(integer(1, 2)), 1),
        "groups": groups,
        "data_layout": layout,
    }
    height, width = draw(integer(13, 17)), draw(integer(7, 40))
    shape = (2, groups * channels, height, width)
    if layout == "NHWC":
        shape = (2, height, width, groups * channels)
    return (
        lambda _, x, w: op.nn.conv2d(x, w, **attrs),
        shape,
        (groups * outputs, channels, *kernel),
    )


@pytest.mark.slow
@settings(max_examples=30)
@given(convolutions())
def test_float_convolutions_on_planes_keep_the_result(
    case: tuple[Program, tuple[int, ...], tuple[int, ...]],
) -> None:
    program, data, weight = case
    check(program, data, weight)


def test_convolutions_that_planes_do_not_cover_are_left_to_tvm() -> None:
    check(
        lambda _, x, w: op.nn.conv2d(x, w, kernel_layout="HWIO", data_layout="NHWC"),
        (1, 6, 6, 3),
        (3, 3, 3, 4),
    )


def test_elementwise_functions_are_vectors_over_threads() -> None:
    program, shapes = PROGRAMS["sign and cast"]
    text = build(program, list(shapes), ours=True).script()
    assert "T.vectorized" in text
    assert "T.parallel" in text


def test_small_functions_start_no_threads() -> None:
    program, shapes = PROGRAMS["matmul with a prime width"]
    assert "T.parallel" not in build(program, list(shapes), ours=True).script()


def test_matrix_products_sum_in_registers() -> None:
    program, shapes = PROGRAMS["matmul of one row"]
    text = build(program, list(shapes), ours=True).script()
    assert 'scope="local"' in text
    assert "T.vectorized" in text
