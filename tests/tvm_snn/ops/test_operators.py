"""Meaning and shape rule of the operators, against PyTorch and the definition in the paper."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tvm import relax

from tvm_snn.errors import ModelError
from tvm_snn.ops import (
    OPERATORS,
    ConvGeometry,
    binary_conv2d,
    binary_dense,
    subset_conv2d,
    subset_dense,
)
from tvm_snn.ops.units import join_units


@st.composite
def geometries(draw: st.DrawFn) -> ConvGeometry:
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    return ConvGeometry(
        strides=draw(pair),
        padding=draw(st.tuples(*[st.integers(0, 3)] * 4)),
        dilation=draw(pair),
        groups=draw(st.integers(1, 3)),
        data_layout=draw(st.sampled_from(["NCHW", "NHWC"])),
    )


def _layer(geometry: ConvGeometry, unit: int, seed: int):
    generator = np.random.default_rng(seed)
    units = 2
    subset = generator.choice(np.array([-1, 1], np.int8), (5, unit, 3, 3))
    indices = generator.integers(0, 5, (2 * geometry.groups, units), np.uint8)
    shape = geometry.in_layout(2, geometry.groups * units * unit, 8, 9)
    return generator.integers(-1, 2, shape).astype(np.int8), subset, indices


def _torch_conv(data: np.ndarray, weight: np.ndarray, geometry: ConvGeometry) -> np.ndarray:
    channels_first = data if geometry.data_layout == "NCHW" else data.transpose(0, 3, 1, 2)
    top, left, bottom, right = geometry.padding
    padded = np.pad(channels_first, ((0, 0), (0, 0), (top, bottom), (left, right)))
    result = torch.nn.functional.conv2d(
        torch.from_numpy(padded).double(),
        torch.from_numpy(weight).double(),
        stride=geometry.strides,
        dilation=geometry.dilation,
        groups=geometry.groups,
    ).numpy()
    return result if geometry.data_layout == "NCHW" else result.transpose(0, 2, 3, 1)


@given(geometries(), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_convolutions_equal_pytorch(geometry: ConvGeometry, unit: int, seed: int) -> None:
    data, subset, indices = _layer(geometry, unit, seed)
    weight = join_units(subset, indices)
    expected = _torch_conv(data, weight, geometry)
    for result in (
        subset_conv2d.reference(data, subset, indices, **geometry.attrs()),
        binary_conv2d.reference(data, weight, **geometry.attrs()),
    ):
        assert result.dtype == np.int32
        np.testing.assert_array_equal(result, expected)


@given(st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_subset_conv_is_response_then_gather(unit: int, seed: int) -> None:
    """The definition: R[n,u,k] by convolution with each subset kernel, then out = sum of R[idx]."""
    geometry = ConvGeometry(padding=(1, 1, 1, 1))
    data, subset, indices = _layer(geometry, unit, seed)
    n, channels, height, width = data.shape
    units = channels // unit
    grouped = data.reshape(n * units, unit, height, width)
    response = binary_conv2d.reference(grouped, subset, **geometry.attrs())
    response = response.reshape(n, units, len(subset), height, width)
    expected = np.stack(
        [sum(response[:, u, index] for u, index in enumerate(row)) for row in indices], axis=1
    )
    found = subset_conv2d.reference(data, subset, indices, **geometry.attrs())
    np.testing.assert_array_equal(found, expected)


@given(st.integers(0, 2**32 - 1))
def test_permuting_the_subset_with_its_indices_changes_nothing(seed: int) -> None:
    geometry = ConvGeometry(padding=(1, 0, 2, 1))
    data, subset, indices = _layer(geometry, 2, seed)
    order = np.random.default_rng(seed).permutation(len(subset))
    renamed = np.argsort(order).astype(np.uint8)[indices]
    np.testing.assert_array_equal(
        subset_conv2d.reference(data, subset, indices, **geometry.attrs()),
        subset_conv2d.reference(data, subset[order], renamed, **geometry.attrs()),
    )


def test_dense_layers_multiply() -> None:
    generator = np.random.default_rng(0)
    data = generator.integers(-1, 2, (2, 3, 16)).astype(np.int8)
    subset = generator.choice(np.array([-1, 1], np.int8), (4, 8, 1, 1))
    indices = generator.integers(0, 4, (5, 2), np.uint8)
    weight = join_units(subset, indices)[:, :, 0, 0]
    expected = data.astype(np.int32) @ weight.T.astype(np.int32)
    np.testing.assert_array_equal(subset_dense.reference(data, subset, indices), expected)
    np.testing.assert_array_equal(binary_dense.reference(data, weight), expected)
    floats = data.astype(np.float32) * 0.5
    assert subset_dense.reference(floats, subset, indices).dtype == np.float32


def _var(name: str, shape: tuple[int, ...], dtype: str) -> relax.Var:
    return relax.Var(name, relax.TensorType(shape, dtype))


def _infer(call: relax.Call) -> relax.TensorType:
    return relax.BlockBuilder().normalize(call).ty


def test_shape_rule_follows_layout_and_dtype() -> None:
    geometry = ConvGeometry(
        strides=(2, 1), padding=(1, 1, 1, 1), groups=2, data_layout="NHWC"
    ).attrs()
    call = subset_conv2d(
        _var("x", (3, 9, 8, 8), "int8"),
        _var("p", (32, 2, 3, 3), "int8"),
        _var("i", (6, 2), "uint8"),
        **geometry,
        strategy="",
    )
    ty = _infer(call)
    assert [int(d) for d in ty.shape.values] == [3, 5, 8, 6]
    assert str(ty.dtype) == "int32"


_CONV = ConvGeometry().attrs()


@pytest.mark.parametrize(
    ("operator", "shapes", "attrs", "message"),
    [
        ("snn.subset_conv2d", [(1, 8, 5, 5), (4, 2, 3, 3), (6, 3)], _CONV, "6 input channels"),
        ("snn.subset_conv2d", [(1, 6, 2, 2), (4, 2, 3, 3), (6, 3)], _CONV, "does not fit"),
        ("snn.subset_conv2d", [(6, 5, 5), (4, 2, 3, 3), (6, 3)], _CONV, "4 dimensions"),
        ("snn.subset_conv2d", [(1, 6, 5, 5), (0, 2, 3, 3), (6, 3)], _CONV, "empty"),
        (
            "snn.subset_conv2d",
            [(1, 12, 5, 5), (4, 2, 3, 3), (5, 3)],
            ConvGeometry(groups=2).attrs(),
            "do not divide into 2 groups",
        ),
        ("snn.binary_conv2d", [(1, 8, 5, 5), (4, 6, 3, 3)], _CONV, "data has 8"),
        (
            "snn.binary_conv2d",
            [(1, 8, 5, 5), (4, 8, 3, 3)],
            _CONV | {"strides": [0, 1]},
            "positive",
        ),
        (
            "snn.binary_conv2d",
            [(1, 8, 5, 5), (4, 8, 3, 3)],
            _CONV | {"padding": [1, 1]},
            "none of them negative",
        ),
        (
            "snn.binary_conv2d",
            [(1, 8, 5, 5), (4, 8, 3, 3)],
            _CONV | {"data_layout": "NCHW4c"},
            "NCHW4c",
        ),
        ("snn.subset_dense", [(2, 8), (4, 8, 1, 1), (5, 2)], {}, "do not fit"),
        ("snn.subset_dense", [(2, 8), (4, 8, 3, 3), (5, 1)], {}, "(K, g, 1, 1)"),
        ("snn.binary_dense", [(2, 8), (4, 9)], {}, "do not fit"),
    ],
)
def test_what_does_not_fit_is_refused(operator, shapes, attrs, message) -> None:
    dtypes = ["int8", "int8", "uint8"]
    arguments = [_var(f"a{n}", shape, dtypes[n]) for n, shape in enumerate(shapes)]
    with pytest.raises(ModelError, match=message.replace("(", r"\(").replace(")", r"\)")):
        _infer(OPERATORS[operator](*arguments, **attrs, strategy=""))


def test_float64_data_is_refused() -> None:
    call = binary_dense(_var("x", (2, 8), "float64"), _var("w", (4, 8), "int8"), strategy="")
    with pytest.raises(ModelError, match="float64; expected is int8 or uint8 or float32"):
        _infer(call)


@pytest.mark.parametrize(
    ("top", "channels", "problem"),
    [
        (0, 8, "top_level is 0; a number from 1 to 255 is expected"),
        (256, 8, "top_level is 256"),
        (255, 7312, "sums of 65808 levels up to 255 may reach 16777216"),
    ],
)
def test_levels_whose_sums_are_not_exact_are_refused(top: int, channels: int, problem: str) -> None:
    data = _var("x", (1, channels, 8, 8), "uint8")
    weight = _var("w", (4, channels, 3, 3), "int8")
    call = binary_conv2d(data, weight, **ConvGeometry().attrs(), top_level=top, strategy="")
    with pytest.raises(ModelError, match=problem):
        binary_conv2d.infer_type(call)


def test_sums_of_levels_are_integers() -> None:
    generator = np.random.default_rng(0)
    data = generator.integers(0, 256, (2, 8, 5, 5), np.uint8)
    weight = generator.choice(np.array([-1, 1], np.int8), (4, 8, 3, 3))
    attrs = ConvGeometry(padding=(1, 1, 1, 1)).attrs()
    result = binary_conv2d.reference(data, weight, **attrs, top_level=255)
    expected = _torch_conv(data, weight, ConvGeometry(padding=(1, 1, 1, 1)))
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, expected)
    call = binary_conv2d(
        _var("x", data.shape, "uint8"), _var("w", weight.shape, "int8"), **attrs, strategy=""
    )
    assert str(binary_conv2d.infer_type(call).dtype) == "int32"
