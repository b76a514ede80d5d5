import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tvm.script import tirx as T

import tvm_snn
from tvm_snn.c_runtime.bare_kernels import ALIGNMENT, compile_kernels
from tvm_snn.target import parse_target


@T.prim_func(s_tir=True)
def rows(x: T.Buffer((16, 600), "float32"), y: T.Buffer((16, 600), "float32")):
    """Turn every row around, job by job, over two buffers a job that are not in use together."""
    for i in T.parallel(16):
        with T.sblock("row"):
            vi = T.axis.spatial(16, i)
            T.reads(x[vi, 0:600])
            T.writes(y[vi, 0:600])
            turned = T.sblock_alloc_buffer((600,), "float32")
            for j in range(600):
                turned[j] = x[vi, 599 - j] + T.float32(1)
            for j in range(600):
                y[vi, j] = turned[j] * turned[599 - j]


@T.prim_func(s_tir=True)
def packed(x: T.Buffer((4,), "float32")):
    T.evaluate(T.call_packed("my.runtime.function", x[0]))


def test_a_kernel_is_a_plain_function_on_one_thread(tmp_path: Path) -> None:
    bare = compile_kernels({"rows": rows}, parse_target("host"), "test_")
    assert bare.scratch_bytes["rows"] >= 600 * 4, "it is too large for the stack"
    assert bare.scratch_bytes["rows"] % ALIGNMENT == 0
    (tmp_path / "kernels.o").write_bytes(bare.object_file)
    listed = subprocess.run(
        ["nm", "-u", tmp_path / "kernels.o"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout.split()
    assert set(listed) <= {"U", "memset", "memcpy", "_GLOBAL_OFFSET_TABLE_"}, "no runtime"
    library = tmp_path / "kernels.so"
    subprocess.run(
        ["cc", "-shared", tmp_path / "kernels.o", "-o", library], check=True, timeout=300
    )

    def room(size: int) -> np.ndarray:
        memory = np.zeros(size + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        return memory[start : start + size]

    x = np.random.default_rng(0).normal(size=(16, 600)).astype(np.float32)
    given, taken = room(x.nbytes), room(x.nbytes)
    given[:] = x.reshape(-1).view(np.uint8)
    scratch = room(bare.scratch_bytes["rows"] + ALIGNMENT)
    scratch[:] = 0xAA
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (given, taken, scratch)]
    ctypes.CDLL(str(library)).test_rows(*pointers)
    turned = x[:, ::-1] + np.float32(1)
    np.testing.assert_array_equal(taken.view(np.float32).reshape(16, 600), turned * turned[:, ::-1])
    assert (scratch[-ALIGNMENT:] == 0xAA).all(), "it wrote past its scratch"


def test_a_kernel_that_calls_a_runtime() -> None:
    with pytest.raises(tvm_snn.UnsupportedOperatorError, match=r"'packed' calls .*my\.runtime"):
        compile_kernels({"packed": packed}, parse_target("host"), "test_")
