import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tvm_snn.c_runtime
from tvm_snn.weights import Weight, pack

OK, DAMAGED = 0, 6


@pytest.fixture(scope="module")
def unpack(tmp_path_factory) -> Callable[..., int]:
    """The C function, compiled alone."""
    folder = tmp_path_factory.mktemp("unpack")
    source = folder / "unpack.c"
    template = Path(tvm_snn.c_runtime.__file__).parent / "unpack.h"
    exported = "int unpack(const unsigned char *p, size_t n, unsigned b, unsigned k, int s, "
    source.write_text(
        f"#include <stddef.h>\nenum {{ SNN_OK = {OK}, SNN_DAMAGED = {DAMAGED} }};\n"
        f'#include "{template}"\n{exported}unsigned char *e)\n'
        "{ return snn_unpack(p, n, b, k, s, e); }\n"
    )
    library = folder / "unpack.so"
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=True, timeout=300)
    return ctypes.CDLL(str(library)).unpack


@given(data=st.data(), bits=st.integers(1, 8))
def test_it_undoes_packing(unpack: Callable[..., int], data: st.DataObject, bits: int) -> None:
    bound = data.draw(st.integers(1, 2**bits))
    values = data.draw(st.lists(st.integers(0, bound - 1), max_size=50))
    packed = pack(Weight("w", np.array(values, np.uint8), bits, bound=bound))
    found = ctypes.create_string_buffer(len(values) + 1)
    assert unpack(packed, ctypes.c_size_t(len(values)), bits, bound, 0, found) == OK
    assert list(found.raw[:-1]) == values
    assert found.raw[-1] == 0


@given(st.lists(st.sampled_from([-1, 1]), max_size=50))
def test_signs(unpack: Callable[..., int], signs: list[int]) -> None:
    packed = pack(Weight("w", np.array(signs, np.int8), 1, signs=True))
    found = ctypes.create_string_buffer(len(signs) + 1)
    assert unpack(packed, ctypes.c_size_t(len(signs)), 1, 2, 1, found) == OK
    assert np.frombuffer(found.raw[:-1], np.int8).tolist() == signs


def test_an_index_outside_of_its_subset(unpack: Callable[..., int]) -> None:
    packed = pack(Weight("w", np.array([0, 4, 5, 1], np.uint8), 3))
    found = ctypes.create_string_buffer(4)
    assert unpack(packed, ctypes.c_size_t(4), 3, 5, 0, found) == DAMAGED
    assert unpack(packed, ctypes.c_size_t(4), 3, 6, 0, found) == OK
