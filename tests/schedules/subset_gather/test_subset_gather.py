"""Responses and gather: knobs, known subsets, data packed or channels last, any vector width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import relax

from tests.schedules.cases import conv_cases
from tests.schedules.kernels import Case, random_data, random_signs, run, run_all
from tvm_snn.ops.packed_signs import pack
from tvm_snn.schedules import subset_gather
from tvm_snn.schedules.config import with_config
from tvm_snn.schedules.subset_gather.responses import (
    KNOWN,
    Responses,
    known_subset,
    with_known_subset,
)
from tvm_snn.schedules.subset_gather.sizes import CHUNKS, VECTORS
from tvm_snn.target import features_of, parse_target
from tvm_snn.tvm_api import attrs_dict

TARGETS = ["host", "llvm -mcpu=haswell", "llvm -mcpu=x86-64"]
ATTRS = {
    "strides": [1, 1],
    "padding": [1, 1, 1, 1],
    "dilation": [1, 1],
    "groups": 1,
    "data_layout": "NHWC",
}


def packed(case: Case) -> Case:
    """The case with its signs packed, channels last."""
    data = case.operands[0]
    if case.attrs["data_layout"] == "NCHW":
        data = data.transpose(0, 2, 3, 1)
    words = pack(data, case.attrs["groups"])
    attrs = {**case.attrs, "data_layout": "NHWC"}
    return Case(case.operator, (words, *case.operands[1:]), attrs)


def forced(case: Case, *, known: bool, config: dict[str, int]) -> Case:
    """The case computed by subset_gather, with its subset known or not."""
    call = case.call(*case.parameters())
    call = with_known_subset(call, case.operands[1]) if known else call
    attrs = attrs_dict(with_config(call, config)) | {"strategy": subset_gather.NAME}
    return Case(case.operator, case.operands, attrs)


@pytest.mark.slow
@settings(max_examples=15)
@given(
    case=conv_cases(subset=True),
    target=st.sampled_from(TARGETS),
    knobs=st.one_of(
        st.just({}),
        st.fixed_dictionaries(
            {
                "vectors": st.sampled_from(VECTORS),
                "chunk": st.sampled_from(CHUNKS),
            }
        ),
    ),
    known=st.booleans(),
    as_words=st.booleans(),
)
def test_every_form_of_the_kernel_is_exact(case, target, knobs, known, as_words) -> None:
    expected = case.expected()
    if as_words and case.operands[0].dtype == np.int8:
        if case.attrs["data_layout"] == "NCHW":
            expected = expected.transpose(0, 2, 3, 1)
        case = packed(case)
    features = features_of(parse_target(target))
    if subset_gather.obstacle(case.call(*case.parameters()), features):
        return
    result = run(forced(case, known=known, config=knobs), parse_target(target))
    if expected.dtype == np.int32:
        np.testing.assert_array_equal(result, expected)
    else:
        np.testing.assert_allclose(result, expected, 1e-5, 1e-3)


def case_of(dtype: str, *, channels: int = 24, outputs: int = 20, size: int = 9) -> Case:
    generator = np.random.default_rng(5)
    data = random_data(generator, (2, size, size, channels), dtype)
    subset = random_signs(generator, (32, 1, 3, 3))
    indices = generator.integers(0, 32, (outputs, channels)).astype(np.uint8)
    return Case("snn.subset_conv2d", (data, subset, indices), ATTRS)


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("target", TARGETS)
def test_all_knobs_give_the_same(dtype: str, target: str) -> None:
    case = case_of(dtype)
    expected = case.expected()
    call = case.call(*case.parameters())
    space = subset_gather.space(call, features_of(parse_target(target)))
    cases = [
        forced(case, known=vectors > 1, config={"vectors": vectors, "chunk": chunk})
        for vectors, chunk in zip(space["vectors"], space["chunk"][::3], strict=True)
    ]
    for result in run_all(cases, parse_target(target)):
        np.testing.assert_allclose(result, expected, 1e-5, 1e-3)


@pytest.mark.parametrize("size", [1, 3, 8, 17])
@pytest.mark.parametrize("stride", [1, 2])
def test_channels_last_floats_of_any_width(size: int, stride: int) -> None:
    """Rows shorter than a square, and those that end inside of one."""
    case = case_of("float32", size=size)
    case = Case(case.operator, case.operands, {**ATTRS, "strides": [stride, stride]})
    result = run(forced(case, known=True, config={}), parse_target("host"))
    np.testing.assert_allclose(result, case.expected(), 1e-5, 1e-3)


def test_packed_signs_with_and_without_zeros() -> None:
    generator = np.random.default_rng(1)
    case = case_of("int8", channels=72)
    shape = case.operands[0].shape
    cases = [
        Case(
            case.operator,
            (random_data(generator, shape, "int8", zeros), *case.operands[1:]),
            ATTRS,
        )
        for zeros in (0.0, 0.01, 1.0)
    ]
    words = [forced(packed(each), known=False, config={}) for each in cases]
    words += [forced(packed(each), known=True, config={}) for each in cases]
    results = run_all(words, parse_target("host"))
    for each, result in zip([*cases, *cases], results, strict=True):
        np.testing.assert_array_equal(result, each.expected())


def test_the_subset_is_known_from_a_constant_or_when_it_is_told() -> None:
    case = case_of("int8")
    unknown = case.call(*case.parameters())
    data, _, indices = case.parameters()
    constant = case.call(data, relax.const(case.operands[1]), indices)
    told = with_known_subset(unknown, case.operands[1])
    assert known_subset(unknown) is None
    assert known_subset(constant) == known_subset(told)
    assert attrs_dict(with_known_subset(constant))[KNOWN] == attrs_dict(told)[KNOWN]
    assert with_known_subset(unknown).same_as(unknown)
    large = np.ones((2, 8, 3, 3), np.int8)
    assert KNOWN not in attrs_dict(with_known_subset(unknown, large))


def test_known_subsets_cost_less() -> None:
    known = Responses(4, 9, (0, 1, 2, 3))
    assert known.instructions < Responses(4, 9).instructions
    assert (known.stored, known.registers) == (1, (3, 4))
    assert (Responses(4, 9).stored, Responses(4, 9).registers) == (24, (1, 1))
