"""Tuning over TVM's RPC tracker, with two boards that are this machine."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.serving import SERVE, children, end_group
from tests.tvm_snn.tuning.layers import network, subset_conv2d
from tvm_snn.errors import TuningError
from tvm_snn.machine import Requirements
from tvm_snn.target import parse_target
from tvm_snn.tuning import evaluate, runners, tune
from tvm_snn.tuning.builder import Builders
from tvm_snn.tuning.runners import Comparer, parse_place
from tvm_snn.tuning.space import Point

KEY = "board"
_SILENT_SECONDS = 15
"""Seconds after which a measurement is given up here."""


class Farm:
    """A tracker and two servers."""

    def __init__(self) -> None:
        self.port = _free_port()
        self._processes = [
            _start(
                "rpc_tracker",
                "--host",
                "127.0.0.1",
                "--port",
                self.port,
                "--port-end",
                self.port + 1,
            )
        ]
        _wait(lambda: _answers(self.port))
        self.servers = [self._server() for _ in range(2)]
        self._processes += self.servers
        _wait(lambda: parse_place(self.runner).servers == 2)

    @property
    def runner(self) -> str:
        return f"rpc://127.0.0.1:{self.port}/{KEY}"

    def _server(self) -> subprocess.Popen[bytes]:
        return _run(*SERVE, "--tracker", f"127.0.0.1:{self.port}", "--key", KEY)

    def close(self) -> None:
        for process in self._processes:
            end_group(process)


def _start(module: str, *arguments: object) -> subprocess.Popen[bytes]:
    return _run(sys.executable, "-m", f"tvm.exec.{module}", *map(str, arguments))


def _run(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TVM_NUM_THREADS": "1"},
        start_new_session=True,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(ready: object) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if ready():  # type: ignore[operator]
                return
        except TuningError:
            pass
        time.sleep(0.5)
    raise AssertionError("the servers did not start")


@pytest.fixture(scope="module")
def farm() -> Iterator[Farm]:
    started = Farm()
    yield started
    started.close()


@pytest.mark.slow
def test_servers_of_another_architecture_are_an_error(farm: Farm, tmp_path: Path) -> None:
    model, inputs = network()
    with pytest.raises(TuningError, match=r"is of another kind: .* compiled for aarch64 .*is x86"):
        tune(
            model,
            "raspberry-pi-4",
            example_inputs=inputs,
            records=tmp_path / "pi.json",
            trials=4,
            runner=farm.runner,
        )


@pytest.mark.slow
def test_a_kernel_is_compared_with_others_and_with_itself(farm: Farm) -> None:
    operation, target = subset_conv2d("uint64", "NHWC"), parse_target("host")
    requirements = Requirements.of(target, "")
    points = Point("xnor_popcount"), Point("subset_gather")
    with (
        Builders(target, 1) as builders,
        Comparer(parse_place(farm.runner), 1, requirements) as comparer,
    ):
        paths = [builders.submit(operation, point).result() for point in points]
        times = comparer(operation, [paths[0], *paths], 2)
    assert [[len(warm), len(cold)] for warm, cold in times] == [[2, 2]] * 3


@pytest.mark.slow
def test_two_servers_measure_one_may_fall_silent_and_one_may_die(
    farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both happen in the middle of a measurement: the session is there, its process is caught."""
    model, inputs = network()
    assert parse_place(farm.runner).servers == 2
    with pytest.raises(TuningError, match="knows no server with the key 'phone'"):
        parse_place(farm.runner.replace(KEY, "phone"))
    monkeypatch.setattr(runners, "_VANISHED_SECONDS", _SILENT_SECONDS)
    records = tmp_path / "mine.json"

    def tuned(trials: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
        result = tune(
            model, example_inputs=inputs, records=records, trials=trials, runner=farm.runner
        )
        assert result.faults == ()
        return tuple(layer.measured for layer in result.layers), result.failures

    with in_session(farm.servers[0], lambda session: os.kill(session, signal.SIGSTOP)) as stopped:
        measured, failures = tuned(2)
    assert measured == (2,)
    # Where the machine has other work, an attempt on the other server may take too long as well.
    assert stopped
    (failure,) = failures
    assert re.search(r"attempts? failed: a server with the key 'board' fell silent", failure)
    for session in stopped:
        os.kill(session, signal.SIGKILL)
    # The whole board goes: the server and its session.
    group = farm.servers[0].pid
    with in_session(farm.servers[0], lambda _session: os.killpg(group, signal.SIGKILL)) as killed:
        measured, _ = tuned(4)
    assert measured == (4,)
    assert killed
    assert farm.servers[0].wait(_SILENT_SECONDS) == -signal.SIGKILL


@contextmanager
def in_session(server: subprocess.Popen[bytes], do: Callable[[int], object]) -> Iterator[list[int]]:
    """Do something to the next session of a server; the list says to which, once it was."""
    over, done = threading.Event(), list[int]()

    def watch() -> None:
        while not over.wait(0.005) and not done:
            for session in children(server.pid)[:1]:
                do(session)
                done.append(session)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join(_SILENT_SECONDS)


class Suspended:
    """A tracker that gives out a server which never answers, then one that does."""

    tracker_key = KEY

    def __init__(self) -> None:
        self.asked = 0

    def count_num_servers(self) -> int:
        return 1

    def connect_server(self) -> Any:
        self.asked += 1
        if self.asked == 1:
            time.sleep(3600)
        return SimpleNamespace(get_function=_no_function)


def _no_function(_name: str) -> Any:
    raise AttributeError("a server of TVM's own cannot be asked")


def test_a_suspended_server_is_passed_over() -> None:
    requirements = Requirements.of(parse_target("host"), "")
    tracker: Any = Suspended()
    assert evaluate.connect(tracker, requirements=requirements, patience=0.2)
    assert tracker.asked == 2


def test_servers_that_are_all_suspended_are_an_error() -> None:
    class All(Suspended):
        def connect_server(self) -> Any:
            time.sleep(3600)

    tracker: Any = All()
    requirements = Requirements.of(parse_target("host"), "")
    with pytest.raises(
        TuningError, match=r"'board' was to be had: in 0\.1 s none was free, or the"
    ):
        evaluate.connect(tracker, requirements=requirements, patience=0.1)


def test_servers_that_were_all_ended_are_an_error_at_once() -> None:
    class Ended(Suspended):
        def count_num_servers(self) -> int:
            return 0

    tracker: Any = Ended()
    requirements = Requirements.of(parse_target("host"), "")
    with pytest.raises(TuningError, match="'board' was to be had: its tracker knows none any more"):
        evaluate.connect(tracker, requirements=requirements, patience=60)
    assert tracker.asked == 0
