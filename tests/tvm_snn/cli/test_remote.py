"""The commands that run a network, on a board that is this machine."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tvm_snn as package
from tests.serving import SERVE, Server, serving
from tests.tvm_snn.cli.conftest import failure, tvm_snn


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def test_run_on_a_board(server: Server, files: Path, tmp_path: Path) -> None:
    output = tmp_path / "y.npy"
    remote = ("--remote", server.address, "--threads", 1)
    result = tvm_snn("run", files / "net.snn", files / "x.npy", *remote, "-o", output)
    assert result.exit_code == 0, result.output
    expected = package.load(files / "net.snn")(np.load(files / "x.npy"))
    np.testing.assert_array_equal(np.load(output), expected)


def test_verify_and_profile_on_a_board(server: Server, files: Path) -> None:
    remote = ("--remote", server.address, "--timeout", 30)
    result = tvm_snn("verify", files / "net.snn", *remote)
    assert result.exit_code == 0, result.output
    assert "verified against the reference" in result.stdout
    result = tvm_snn("profile", files / "net.snn", *remote, "--runs", 2, "--json")
    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)
    assert measured["runs"] == 2
    assert {"governor", "megahertz", "celsius"} == set(measured["before"])


def test_what_cannot_run_on_a_board(server: Server, files: Path, tmp_path: Path) -> None:
    other = tmp_path / "pi.snn"
    result = tvm_snn("compile", files / "net.pt2", "-o", other, "--target", "raspberry-pi-3")
    assert "NOT verified: it is for another machine (aarch64 as in cortex-a53" in result.stdout
    run = ("run", other, files / "x.npy")
    assert "compiled for aarch64" in failure(*run)
    assert "compiled for aarch64" in failure(*run, "--remote", server.address)
    assert "is no address" in failure(*run, "--remote", "a:b:c")
    message = failure("verify", files / "net.pt2", "--remote", server.address, status=2)
    assert "--remote is for artifacts" in message


def test_serve_asks_for_what_belongs_together() -> None:
    assert "belong together" in failure("serve", "--tracker", "localhost:9190", status=2)
    assert "belong together" in failure("serve", "--key", "pi", status=2)
    assert "is no address" in failure("serve", "--tracker", "localhost", "--key", "pi")
    assert "Cannot listen at no-such-host" in failure("serve", "--host", "no-such-host.invalid")


@pytest.mark.slow
def test_an_open_server_says_so_and_ends_with_ctrl_c() -> None:
    with serving([*SERVE, "--host", "0.0.0.0"]) as server:
        assert re.search(r"can run any code .* open to the network", server.said)
        board = package.connect(server.address)
        server.process.send_signal(signal.SIGINT)
        # Its output ends only when the session, which shares it, has ended with the server.
        said, _ = server.process.communicate(timeout=60)
        assert server.process.returncode == 0
        assert b"stopped" in said
        board.close()
