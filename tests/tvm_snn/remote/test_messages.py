import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from tvm_snn.remote.messages import decode, encode

DTYPES = st.sampled_from(["float32", "float64", "int8", "uint64", "int32", "bool"])


@given(
    st.dictionaries(st.text().filter(lambda t: t != "arrays"), st.integers() | st.text()),
    st.lists(DTYPES.flatmap(lambda d: hn.arrays(d, hn.array_shapes(min_dims=0, min_side=0)))),
)
def test_what_comes_is_what_went(data, arrays) -> None:
    found, results = decode(encode(data, arrays))
    assert found == data
    for result, array in zip(results, arrays, strict=True):
        assert (result.dtype, result.shape) == (array.dtype, array.shape)
        assert result.tobytes() == array.tobytes()


def test_arrays_may_be_strided_and_results_written() -> None:
    array = np.arange(12).reshape(3, 4).T
    (result,) = decode(encode({}, [array]))[1]
    np.testing.assert_array_equal(result, array)
    result[0] = 1


@pytest.mark.parametrize("part", [0, 5, 30, -1])
def test_half_a_message_is_an_error(part: int) -> None:
    message = encode({"a": 1}, [np.zeros(8)])
    with pytest.raises(ValueError, match=r"bytes|buffer|line 1"):
        decode(message[:part])
