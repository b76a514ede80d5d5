"""Words of picks: as narrow as they can be, and nothing lost in them."""

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tvm import te

from tvm_snn.schedules.subset_gather.picks import Picks


@pytest.mark.parametrize(
    ("kernels", "chunk", "vector_bytes", "dtype", "words"),
    [
        (32, 4, 64, "uint32", 1),
        (32, 8, 64, "uint64", 1),
        (32, 9, 64, "uint64", 2),
        (33, 4, 64, "uint64", 1),
        (64, 4, 32, "uint32", 1),
        (128, 4, 16, "uint32", 1),
        (256, 3, 16, "uint64", 1),
    ],
)
def test_words_are_as_narrow_as_the_picks_allow(
    kernels: int, chunk: int, vector_bytes: int, dtype: str, words: int
) -> None:
    picks = Picks(kernels, chunk, vector_bytes)
    assert (picks.dtype, picks.words) == (dtype, words)


def unpacked(picks: Picks, words: NDArray) -> NDArray[np.int64]:
    """The picks in words (..., words), in bytes: (..., chunk)."""
    each = picks.word_bits // picks.bits
    units = range(picks.chunk)
    mask = words.dtype.type(2**picks.bits - 1)
    taken = [words[..., u // each] >> words.dtype.type(u % each * picks.bits) & mask for u in units]
    step = picks.vector_bytes if picks.alone else 8
    return np.stack(taken, -1).astype(np.int64) * step


@settings(max_examples=12)
@given(
    kernels=st.sampled_from([1, 5, 32, 64, 256]),
    chunk=st.integers(1, 20),
    vector_bytes=st.sampled_from([16, 32, 64]),
    alone=st.booleans(),
    groups=st.integers(1, 2),
    units=st.integers(1, 30),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_pick_is_found_again(
    kernels: int, chunk: int, vector_bytes: int, alone: bool, groups: int, units: int, seed: int
) -> None:
    indices = np.random.default_rng(seed).integers(0, kernels, (groups * 3, units)).astype(np.uint8)
    picks, chunks = Picks(kernels, chunk, vector_bytes, alone), -(-units // chunk)
    words = packed(picks, indices, groups, 5, chunks)
    offsets = unpacked(picks, words).transpose(0, 2, 1, 3).reshape(groups, 5, chunks * chunk)
    expected = indices.reshape(groups, 3, units).astype(np.int64) * vector_bytes
    np.testing.assert_array_equal(offsets[:, :3, :units], expected)
    np.testing.assert_array_equal(offsets[:, 3:, :units], expected[:, 2:].repeat(2, 1))
    assert not offsets[:, :, units:].any()


def packed(picks: Picks, indices: NDArray, groups: int, outputs: int, chunks: int) -> NDArray:
    """The words of `outputs` outputs a group, as TVM packs them."""
    source = te.placeholder(indices.shape, "uint8", "indices")
    result = picks.pack(source, groups, outputs, chunks)
    function = te.create_prim_func([source, result])
    words = tvm.runtime.empty([int(size) for size in result.shape], picks.dtype)
    tvm.compile(function, "llvm")(tvm.runtime.tensor(indices), words)
    return words.numpy()
