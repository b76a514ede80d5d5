"""The private corners of TVM."""

import ctypes
import inspect
import os
import socket
from typing import Any

import pytest
import tvm
from tvm.script import ir as I
from tvm.script import tirx as T

import tvm_snn.schedules.emit  # noqa: F401
from tvm_snn import tvm_api


def test_kernels_and_their_macros_ask_for_no_stack_of_sources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("every frame's source would be looked for")

    monkeypatch.setattr(inspect, "getouterframes", fail)

    @T.inline
    def double(x, y, i):
        y[i] = x[i] + x[i]

    @T.prim_func(s_tir=True)
    def kernel(x: T.Buffer((4,), "int32"), y: T.Buffer((4,), "int32")) -> None:
        for i in range(4):
            double(x, y, i)

    assert "x[i] + x[i]" in kernel.script()


def test_kernels_of_a_class_are_left_to_the_class() -> None:
    @I.ir_module
    class Module:
        @T.prim_func(s_tir=True)
        def kernel(x: T.Buffer((4,), "int32")) -> None:
            x[0] = 1

    assert isinstance(Module, tvm.IRModule)
    assert isinstance(Module["kernel"], tvm.tirx.PrimFunc)


def test_idle_threads_of_the_pool_sleep_soon() -> None:
    # What TVM reads: the environment of C, not the copy that Python makes when it starts.
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    spins = getenv(b"TVM_THREAD_POOL_SPIN_COUNT")
    assert spins is not None
    assert spins.decode() == os.environ["TVM_THREAD_POOL_SPIN_COUNT"]
    assert int(spins) <= 1000


def test_a_socket_is_new_though_its_number_was_in_use() -> None:
    with socket.socket() as one:
        number, before = one.fileno(), tvm_api._sockets()
    with socket.socket() as other:
        assert other.fileno() == number
        assert [new for new, _ in tvm_api._sockets() - before] == [number]
