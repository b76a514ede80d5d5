import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tvm_snn.errors import ArtifactError
from tvm_snn.weights import Weight, pack, packed_size, unpack


def _round_trip(weight: Weight) -> Weight:
    array = weight.array
    return unpack(
        pack(weight),
        weight.name,
        array.shape,
        str(array.dtype),
        weight.bits,
        signs=weight.signs,
        bound=weight.bound,
    )


@given(st.integers(1, 256), hnp.array_shapes(max_dims=3, max_side=20), st.integers(0, 2**32 - 1))
def test_indices_take_tau_bits(size: int, shape: tuple[int, ...], seed: int) -> None:
    array = np.random.default_rng(seed).integers(0, size, shape).astype(np.uint8)
    weight = Weight("w", array, bits=(size - 1).bit_length(), bound=size)
    assert len(pack(weight)) == weight.stored_bytes == (array.size * weight.bits + 7) // 8
    found = _round_trip(weight)
    np.testing.assert_array_equal(found.array, array)
    assert found.array.dtype == np.uint8


@given(hnp.arrays(np.int8, hnp.array_shapes(max_dims=4), elements=st.sampled_from([-1, 1])))
def test_signs_take_one_bit(array: np.ndarray) -> None:
    weight = Weight("w", array, bits=1, signs=True)
    assert len(pack(weight)) == (array.size + 7) // 8
    np.testing.assert_array_equal(_round_trip(weight).array, array)


@given(hnp.arrays(np.float32, hnp.array_shapes()))
def test_floats_keep_every_bit(array: np.ndarray) -> None:
    found = _round_trip(Weight("w", array, bits=32)).array
    np.testing.assert_array_equal(found.view(np.uint32), array.view(np.uint32))


def test_five_bit_indices_lie_one_after_the_other() -> None:
    weight = Weight("w", np.array([1, 31, 0, 16], np.uint8), bits=5, bound=32)
    assert pack(weight) == (1 | 31 << 5 | 16 << 15).to_bytes(3, "little")


def test_an_index_outside_of_its_subset_is_refused() -> None:
    packed = pack(Weight("w", np.array([3, 29, 5], np.uint8), bits=5, bound=32))
    with pytest.raises(ArtifactError, match=r"index 29 at position 1, but its subset has 20"):
        unpack(packed, "conv1.indices", (3,), "uint8", 5, signs=False, bound=20)


def test_a_weight_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"has 3 bytes, but shape \(7,\) at 5 bits takes 5"):
        unpack(b"abc", "w", (7,), "uint8", 5, signs=False, bound=32)


def test_packed_size_rounds_up() -> None:
    assert packed_size(3, 5) == 2
