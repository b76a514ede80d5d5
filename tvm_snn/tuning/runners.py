"""Where kernels are measured: here, or on machines that have registered with an RPC tracker."""

import re
import socket
from dataclasses import dataclass
from functools import partial
from typing import Any

from tvm.s_tir.meta_schedule.runner import (
    EvaluatorConfig,
    LocalRunner,
    PyRunner,
    RPCConfig,
    RPCRunner,
)
from tvm.support.popen_pool import PopenPoolExecutor

from ..errors import TuningError
from ..machine import Requirements
from ..schedules.operation import Operation
from . import evaluate
from .evaluate import Times, last_line

LOCAL = "local"
_RPC = re.compile(r"rpc://(?P<host>[^:/]+|\[[^\]]+\]):(?P<port>\d+)/(?P<key>[^/]+)")
_ANSWER_SECONDS = 10
_FREE_SECONDS = 30
_SESSION_SECONDS = 60
_RUN_SECONDS = 60
_VANISHED_SECONDS = 2 * _SESSION_SECONDS
_ATTEMPTS = 3
_TIMEOUT = "RPCRunner: Timeout"
"""How MetaSchedule's message starts when a server's answer did not come in time."""
_SEARCH = EvaluatorConfig(number=1, repeat=5, min_repeat_ms=6)


@dataclass(frozen=True)
class Place:
    """Machines to measure on."""

    tracker: RPCConfig | None
    servers: int
    """How many measurements can run at the same time."""

    @property
    def description(self) -> str:
        """Where it is, for the work file: what was measured elsewhere is no measurement here."""
        if self.tracker is None:
            return LOCAL
        return f"{self.tracker.tracker_host}:{self.tracker.tracker_port}/{self.tracker.tracker_key}"


def parse_place(runner: str) -> Place:
    """Return where `runner` says to measure: "local" or "rpc://host:port/key" of a tracker.

    Raises TuningError when it says something else, or the tracker has no such servers.
    """
    if runner == LOCAL:
        return Place(None, 1)
    match = _RPC.fullmatch(runner)
    if match is None:
        raise TuningError(
            f'The runner {runner!r} is not understood: write "local", or "rpc://host:port/key" '
            "for the servers with that key behind an RPC tracker."
        )
    tracker = RPCConfig(
        match["host"], int(match["port"]), match["key"], session_timeout_sec=_SESSION_SECONDS
    )
    try:
        # TVM itself would try for a minute.
        socket.create_connection((match["host"], int(match["port"])), _ANSWER_SECONDS).close()
        servers = tracker.count_num_servers()
    except (OSError, ValueError, RuntimeError) as error:
        raise TuningError(f"No RPC tracker answers at {runner}: {error}") from error
    if not servers:
        raise TuningError(
            f"The tracker of {runner} knows no server with the key {match['key']!r}. Start one on "
            f"each machine: tvm-snn serve --host 0.0.0.0 --tracker {match['host']}:{match['port']} "
            f"--key {match['key']}"
        )
    return Place(tracker, servers)


def make_runner(place: Place, threads: int, requirements: Requirements) -> PyRunner:
    """Return MetaSchedule's runner that measures kernels with `requirements` in `place`."""
    if place.tracker is None:
        return LocalRunner(
            timeout_sec=_RUN_SECONDS,
            evaluator_config=_SEARCH,
            f_alloc_argument=evaluate.allocate,
            f_run_evaluator=partial(evaluate.evaluate, threads=threads),
            initializer=evaluate.start_worker,
        )
    runner = RPCRunner(
        place.tracker,
        evaluator_config=_SEARCH,
        f_create_session=partial(
            evaluate.connect, requirements=requirements, patience=_FREE_SECONDS
        ),
        f_alloc_argument=evaluate.allocate_remotely,
        f_run_evaluator=partial(evaluate.evaluate_remotely, threads=threads),
        max_workers=place.servers,
        initializer=evaluate.start_worker,
    )
    runner.pool.shutdown(wait=False)
    # A server ends sessions that take too long; one without power or network does not.
    runner.pool = PopenPoolExecutor(
        max_workers=place.servers,
        timeout=_VANISHED_SECONDS,
        initializer=evaluate.start_worker,
    )
    return runner


def explained(failure: str, place: Place) -> str:
    """Return what the failure of a measurement in `place` means, where MetaSchedule only hints."""
    if place.tracker is None or not failure.startswith(_TIMEOUT):
        return failure
    return (
        f"a server with the key {place.tracker.tracker_key!r} fell silent in the middle of a "
        f"measurement, for {_VANISHED_SECONDS} s: it is suspended, or has lost power or network"
    )


class Comparer:
    """Measures a few kernels in turns, in a process of its own."""

    def __init__(self, place: Place, threads: int, requirements: Requirements) -> None:
        """Start no process yet."""
        self._place, self._threads = place, threads
        tracker = place.tracker
        self._connection = (
            partial(evaluate.connect, tracker, requirements=requirements, patience=_FREE_SECONDS)
            if tracker
            else None
        )
        self._pool = PopenPoolExecutor(
            max_workers=1,
            timeout=10 * _RUN_SECONDS,
            initializer=evaluate.start_worker,
        )

    def __call__(self, operation: Operation, paths: list[str], rounds: int) -> list[Times]:
        """Return `rounds` times for each of the libraries; see `evaluate.compare`.

        Raises TuningError when a result is wrong or the kernels do not run.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._submit(operation, paths, rounds).result()
            except TuningError as error:
                raise TuningError(last_line(str(error))) from error
            except Exception as error:
                # A server that died, a worker that did: another may live.
                if attempt == _ATTEMPTS or self._place.tracker is None:
                    message = last_line(str(error)) or type(error).__name__
                    raise TuningError(f"comparing kernels failed: {message}") from error
        raise AssertionError("the loop returns or raises")

    def _submit(self, operation: Operation, paths: list[str], rounds: int) -> Any:
        return self._pool.submit(
            evaluate.compare,
            paths,
            operation.data(),
            rounds,
            self._threads,
            self._connection,
        )

    def __enter__(self) -> "Comparer":
        """Nothing has to be done."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._pool.shutdown(wait=False)
