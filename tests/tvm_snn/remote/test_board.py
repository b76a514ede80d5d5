"""A board that is this machine: `tvm-snn serve` in another process."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tvm

import tvm_snn
from tests.compiled import small_inputs, small_module, small_network
from tests.serving import Server, children, end_group, serving
from tvm_snn.machine import this_machine
from tvm_snn.remote import board as board_module
from tvm_snn.remote.address import Address
from tvm_snn.remote.deadline import within
from tvm_snn.remote.description import ask_machine
from tvm_snn.remote.server import serve


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def board(server: Server) -> Iterator[tvm_snn.Board]:
    with tvm_snn.connect(server.address) as connected:
        yield connected


def test_the_server_listens_here_only_and_says_what_that_means(server: Server) -> None:
    assert server.address.startswith("127.0.0.1:")
    assert "can run any code on this machine" in server.said


def test_a_network_computes_the_same_on_a_board(board: tvm_snn.Board, tmp_path: Path) -> None:
    network = small_network()
    network.save(tmp_path / "net.snn")
    assert board.machine == this_machine()
    for there in (board.load(network), board.load(tmp_path / "net.snn", num_threads=1)):
        for seed in range(2):
            inputs = small_inputs(seed)
            for found, expected in zip(there(*inputs), network(*inputs), strict=True):
                np.testing.assert_array_equal(found, expected)
    assert there.num_threads == 1
    there.num_threads = 2
    assert there.num_threads == 2
    there.unload()


def test_a_board_is_verified_and_profiled(board: tvm_snn.Board) -> None:
    network = board.load(small_network())
    verification = tvm_snn.verify(network)
    assert len(verification.cores) == 3
    assert verification == tvm_snn.verify(small_network())
    profile = tvm_snn.profile(network, *small_inputs(), runs=2)
    assert all(row.microseconds > 0 for row in profile.report.rows)
    assert len(profile.kernels) == len(network.artifact.kernels)


def test_errors_of_the_board_are_those_of_this_package(board: tvm_snn.Board) -> None:
    network = board.load(small_network())
    with pytest.raises(tvm_snn.ModelError, match=r"missing is \['offset'\]"):
        network(small_inputs()[0])
    with pytest.raises(tvm_snn.SnnError, match=rf"{board.address}: num_threads is 4096"):
        network.num_threads = 4096
    forged = dataclasses.replace(
        small_network().artifact, library=b"\x7fELF no library", outputs=()
    )
    with pytest.raises(tvm_snn.RemoteError, match="vanished in the middle"):
        board.load(tvm_snn.CompiledNetwork(forged))


def test_another_architecture_is_refused_before_anything_travels(board: tvm_snn.Board) -> None:
    network = tvm_snn.compile(small_module(), "raspberry-pi-4")
    with pytest.raises(tvm_snn.ArtifactError, match=r"aarch64 as in cortex-a72 .*is x86"):
        board.load(network)


def test_a_board_serves_one_after_the_other(server: Server, monkeypatch) -> None:
    monkeypatch.setattr(board_module, "_CONNECT_SECONDS", 1)
    with (
        tvm_snn.connect(server.address),
        pytest.raises(tvm_snn.RemoteError, match="another session uses the board"),
    ):
        tvm_snn.connect(server.address)


def test_a_closed_board_says_so(server: Server) -> None:
    with tvm_snn.connect(server.address) as board:
        network = board.load(small_network())
    with pytest.raises(tvm_snn.RemoteError, match="is closed: it was closed here"):
        network(*small_inputs())


def test_nothing_answers() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(tvm_snn.RemoteError, match=r"Nothing answers at .* `tvm-snn serve`"):
        tvm_snn.connect(f"127.0.0.1:{port}")


def test_what_is_no_rpc_server(monkeypatch) -> None:
    monkeypatch.setattr(board_module, "_CONNECT_SECONDS", 5)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        port = listener.getsockname()[1]
        with pytest.raises(tvm_snn.RemoteError, match=r"is no RPC server|is an RPC server, but"):
            tvm_snn.connect(f"127.0.0.1:{port}")


@pytest.mark.slow
def test_a_server_of_tvms_own_is_told_apart() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    arguments = ["--host", "127.0.0.1", "--port", port, "--port-end", str(int(port) + 1)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tvm.exec.rpc_server", "--no-fork", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(100):
            with pytest.raises(tvm_snn.RemoteError) as raised:
                tvm_snn.connect(f"127.0.0.1:{port}")
            if "Nothing answers" not in str(raised.value):
                break
            time.sleep(1)
        assert "is an RPC server, but not that of tvm_snn" in str(raised.value)
        session = within(60, lambda: tvm.rpc.connect("127.0.0.1", int(port)))
        assert ask_machine(session.get_function) is None
    finally:
        end_group(process)


@pytest.mark.slow
@pytest.mark.parametrize("state", ["killed", "silent"])
def test_a_board_that_vanishes_in_the_middle(state: str) -> None:
    with serving() as server, tvm_snn.connect(server.address, timeout=3) as board:
        network = board.load(small_network())
        network(*small_inputs())
        if state == "killed":
            server.kill()
            message = "vanished in the middle|no answer"
        else:
            for session in children(server.process.pid):
                os.kill(session, signal.SIGSTOP)
            message = "no answer in 3 s"
        with pytest.raises(tvm_snn.RemoteError, match=message):
            network(*small_inputs())
        with pytest.raises(tvm_snn.RemoteError, match="is closed"):
            network(*small_inputs())


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(tvm_snn.RemoteError, match=r"already in use\. Give another --port"):
            serve(address, None, lambda _: None)
