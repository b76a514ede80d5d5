"""Pooling of channels-last images: every geometry gives what the reference interpreter gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax
from tvm.relax import op

from tests.schedules.programs import build, program_module, random_arrays, run
from tvm_snn.reference import evaluate


@st.composite
def poolings(draw: st.DrawFn) -> tuple[str, dict, tuple[int, ...]]:
    """An operator, its attributes, and the shape of its data."""
    integer = st.integers
    kind = draw(st.sampled_from(["max_pool2d", "avg_pool2d"]))
    attrs = {
        "pool_size": (draw(integer(1, 3)), draw(integer(1, 4))),
        "strides": (draw(integer(1, 3)), draw(integer(1, 3))),
        "dilation": (draw(integer(1, 2)), draw(integer(1, 2))),
        "padding": tuple(draw(integer(0, 1)) for _ in range(4)),
        "ceil_mode": draw(st.booleans()),
        "layout": "NHWC",
    }
    if kind == "avg_pool2d":
        attrs["count_include_pad"] = draw(st.booleans())
    height, width = draw(integer(7, 12)), draw(integer(7, 12))
    channels = draw(st.sampled_from([1, 3, 16, 20, 64, 100, 200]))
    return kind, attrs, (draw(integer(1, 2)), height, width, channels)


@pytest.mark.slow
@settings(max_examples=20)
@given(poolings(), st.sampled_from(["host", "llvm -mcpu=x86-64"]))
def test_every_geometry(case: tuple[str, dict, tuple[int, ...]], target: str) -> None:
    kind, attrs, shape = case

    def program(_builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
        return getattr(op.nn, kind)(x, **attrs)

    (data,) = random_arrays([shape])
    found = run(build(program, [shape], target), [data], target)
    expected = evaluate(program_module(program, [shape])["main"], [data])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_windows_are_pooled_in_registers() -> None:
    text = build(
        lambda _, x: op.nn.max_pool2d(x, (3, 3), (2, 2), (1, 1, 1, 1), layout="NHWC"),
        [(1, 56, 56, 64)],
        "host",
    ).script()
    assert 'scope="local"' in text
    assert "padded" not in text
    assert "pad_temp" not in text
