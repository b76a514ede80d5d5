"""The generic rules: whatever TVM lowers stays right, and no loop nest stays scalar for nothing."""

import numpy as np
import pytest
from tvm import relax
from tvm.relax import op

from tests.schedules.programs import Program, build, random_arrays, run


def check(program: Program, *shapes: tuple[int, ...]) -> None:
    """Ours and TVM's give the same for random inputs."""
    arrays = random_arrays(list(shapes))
    results = [run(build(program, list(shapes), ours=ours), arrays) for ours in (True, False)]
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
    "permute to channels first": (
        lambda _, x: op.permute_dims(x, [0, 3, 1, 2]),
        ((2, 13, 20, 48),),
    ),
    "permute three channels": (lambda _, x: op.permute_dims(x, [0, 2, 3, 1]), ((1, 3, 32, 30),)),
    "pad channels last": (lambda _, x: op.nn.pad(x, [0, 0, 3, 2, 1, 3, 0, 0]), ((2, 9, 7, 3),)),
    "pad channels too": (lambda _, x: op.nn.pad(x, [0, 0, 1, 1, 1, 1, 0, 2]), ((2, 9, 7, 5),)),
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


def test_elementwise_functions_are_vectors_over_threads() -> None:
    program, shapes = PROGRAMS["sign and cast"]
    text = build(program, list(shapes)).script()
    assert "T.vectorized" in text
    assert "T.parallel" in text


def test_small_functions_start_no_threads() -> None:
    program, shapes = PROGRAMS["matmul with a prime width"]
    assert "T.parallel" not in build(program, list(shapes)).script()


def test_matrix_products_sum_in_registers() -> None:
    program, shapes = PROGRAMS["matmul of one row"]
    text = build(program, list(shapes)).script()
    assert 'scope="local"' in text
    assert "T.vectorized" in text


def test_transpositions_run_in_squares() -> None:
    module = build(lambda _, x: op.permute_dims(x, [0, 3, 1, 2]), [(1, 56, 56, 64)])
    assert "T.grid(T.int64(4), T.int64(16), T.int64(14))" in module["transpose"].script()
