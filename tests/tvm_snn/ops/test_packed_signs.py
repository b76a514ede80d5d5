"""Packed signs: the form itself, and convolutions that read it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tvm import relax

from tvm_snn.errors import ModelError
from tvm_snn.ops import ConvGeometry, binary_conv2d, pack_signs, subset_conv2d
from tvm_snn.ops.packed_signs import pack, unpack


@given(st.integers(1, 150), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_unpack_is_the_inverse_of_pack(own: int, groups: int, seed: int) -> None:
    signs = np.random.default_rng(seed).integers(-1, 2, (2, 3, 4, own * groups)).astype(np.int8)
    np.testing.assert_array_equal(unpack(pack(signs, groups), own * groups, groups), signs)


def test_words_hold_a_group_each_and_nothing_past_its_channels() -> None:
    data = np.full((1, 1, 1, 130), -1.0, np.float32)
    data[..., 1], data[..., 66] = 0.0, np.nan
    words = pack(data, groups=2)
    assert words.shape == (1, 2, 1, 1, 4)
    negative, zero = words[0, :, 0, 0]
    all_ones = 2**64 - 1
    assert [int(word) for word in negative] == [all_ones ^ 2, 1, all_ones ^ 2, 1]
    assert [int(word) for word in zero] == [2, 0, 2, 0]


@given(st.integers(1, 3), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_convolutions_read_packed_signs(groups: int, own: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    geometry = ConvGeometry((2, 1), (1, 0, 1, 2), (1, 2), groups, "NHWC")
    signs = generator.integers(-1, 2, (2, 5, 6, own * groups)).astype(np.int8)
    weight = generator.choice(np.array([-1, 1], np.int8), (2 * groups, own, 3, 2))
    expected = binary_conv2d.reference(signs, weight, **geometry.attrs())
    words = pack(signs, groups)
    np.testing.assert_array_equal(
        binary_conv2d.reference(words, weight, **geometry.attrs()), expected
    )


def _type(operator, shapes: list[tuple[tuple[int, ...], str]], **attrs) -> relax.TensorType:
    arguments = [relax.Var(f"a{i}", relax.TensorType(*ty)) for i, ty in enumerate(shapes)]
    return relax.BlockBuilder().normalize(operator(*arguments, **attrs)).ty


def test_types() -> None:
    packed = _type(pack_signs, [((1, 8, 9, 96), "float32")], groups=1)
    assert ([int(size) for size in packed.shape], str(packed.dtype)) == ([1, 2, 8, 9, 2], "uint64")
    geometry = ConvGeometry(padding=(1, 1, 1, 1), data_layout="NHWC")
    weights = [((32, 1, 3, 3), "int8"), ((40, 96), "uint8")]
    conv = _type(subset_conv2d, [((1, 2, 8, 9, 2), "uint64"), *weights], **geometry.attrs())
    assert ([int(size) for size in conv.shape], str(conv.dtype)) == ([1, 8, 9, 40], "int32")


@pytest.mark.parametrize(
    ("shape", "layout", "message"),
    [
        ((1, 2, 8, 9, 3), "NHWC", "2 planes of 3 words"),
        ((1, 1, 8, 9, 2), "NHWC", "1 planes of 2 words"),
        ((1, 2, 8, 9, 2), "NCHW", "channels-last"),
        ((8, 9, 2), "NHWC", "5 dimensions"),
    ],
)
def test_packed_signs_that_do_not_fit(shape, layout, message) -> None:
    attrs = ConvGeometry(data_layout=layout).attrs()
    with pytest.raises(ModelError, match=message):
        _type(binary_conv2d, [(shape, "uint64"), ((40, 96, 3, 3), "int8")], **attrs)


def test_channels_must_make_equal_groups() -> None:
    with pytest.raises(ModelError, match="7 channels do not divide into 2 groups"):
        _type(pack_signs, [((1, 4, 4, 7), "int8")], groups=2)
