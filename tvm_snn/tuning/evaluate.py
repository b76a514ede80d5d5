"""Running kernels, in this machine's worker processes or on machines behind an RPC tracker.

MetaSchedule's runners call these functions in worker processes, which import this module.
"""

import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax, rpc
from tvm.runtime import Device
from tvm.s_tir.meta_schedule.runner import EvaluatorConfig, RPCConfig

from ..errors import TuningError
from ..machine import Requirements
from ..ops.levels import top_level
from ..remote.deadline import within
from ..remote.description import ask_machine
from ..schedules.operation import Operation
from ..threads import use_threads
from .kernel import MAIN, PREPARE
from .operands import random_operands, reference, scale_shape

_RUN = "invoke_stateful"
WRONG = "wrong result of kernel "
"""How the message of a kernel that does not compute what it should starts; its place follows."""
NO_SERVER = "no server with the key "
"""How the message starts when all servers are gone or busy."""
WRONG_SERVER = "a server with the key "
"""How the message starts when a server is no machine that the kernels are for."""
_ATTEMPTS = 2
_AWAY_SECONDS = 1
"""Between two attempts, where there is no server."""
_TOLERANCE = 1e-4
_WARM = EvaluatorConfig(number=1, repeat=1, min_repeat_ms=4)
_COLD = EvaluatorConfig(number=1, repeat=3, min_repeat_ms=0)
_FLUSHED = 2 << 20
"""Bytes that are copied before a cold run: what a second-level cache holds."""

Times = tuple[list[float], list[float]]
"""Seconds of a kernel round by round: warm, when it has just run, and cold, after other work has
taken its place in the caches, as in a network."""
_CONFIGURE = "runtime.config_threadpool"
_BIG_CORES = 1
"""A mode of TVM's thread pool: the faster ones where cores differ, else all."""


def start_worker() -> None:
    """Prepare a worker process: Ctrl-C and what there is to say are the main process's.

    A terminal sends Ctrl-C to the workers, too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stderr.fileno())
    os.close(nowhere)


def last_line(message: str) -> str:
    """Return the last line of a traceback: what was raised."""
    lines = [line for line in message.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def allocate(device: Device, types: Sequence[Any], _repeat: int) -> list[list[Any]]:
    """Return operands that are valid for the workload whose parameters are given as JSON."""
    # The last parameter is the result.
    operands = [(str(dtype), tuple(map(int, shape))) for _, dtype, shape in types[:-1]]
    return [[tvm.runtime.tensor(array, device) for array in random_operands(operands, zeros=0.0)]]


def allocate_remotely(
    _session: rpc.RPCSession, device: Device, types: Sequence[Any], repeat: int
) -> list[list[Any]]:
    """Do what :func:`allocate` does, on another machine."""
    return allocate(device, types, repeat)


def evaluate(
    library: tvm.runtime.Module,
    device: Device,
    config: EvaluatorConfig,
    operands: list[list[Any]],
    *,
    threads: int,
) -> list[float]:
    """Return the shortest mean time of a kernel in seconds: others on the machine only add."""
    use_threads(threads)
    return [min(Kernel(library, device, operands[0]).seconds(config))]


def evaluate_remotely(
    session: rpc.RPCSession,
    library: tvm.runtime.Module,
    device: Device,
    config: EvaluatorConfig,
    operands: list[list[Any]],
    *,
    threads: int,
) -> list[float]:
    """Do what :func:`evaluate` does, on another machine."""
    session.get_function(_CONFIGURE)(_BIG_CORES, threads)
    return [min(Kernel(library, device, operands[0]).seconds(config))]


def connect(config: RPCConfig, *, requirements: Requirements, patience: float) -> rpc.RPCSession:
    """Return a session on a free server; TuningError when there is none in `patience` seconds.

    Also when it is a machine that kernels with these requirements do not run on; a server of TVM's
    own cannot be asked. The tracker would let us wait for ever when the last server has died, and
    so would a server that is suspended: it still takes connections, but never answers. The tracker
    gives it out once only, so that the next attempt gets another. Of servers that were ended it
    knows, and of none it is not asked for one.
    """
    for _ in range(_ATTEMPTS):
        try:
            if not within(patience, config.count_num_servers):
                # It may be about to come back; waiting for one that is not there would take long.
                reason = "its tracker knows none any more"
                time.sleep(_AWAY_SECONDS)
                continue
            session = within(patience, config.connect_server)
        except TimeoutError:
            reason = f"in {patience:g} s none was free, or the one that was did not answer"
        except Exception as error:
            # A tracker or server that died: TVM raises one of several exceptions.
            reason = last_line(str(error))
            break
        else:
            machine = ask_machine(session.get_function)
            misfit = requirements.misfit(machine) if machine else None
            if misfit is None:
                return session
            raise TuningError(f"{WRONG_SERVER}{config.tracker_key!r} is of another kind: {misfit}")
    raise TuningError(f"{NO_SERVER}{config.tracker_key!r} was to be had: {reason}")


class Kernel:
    """A kernel on a device with its operands, its weights packed."""

    def __init__(
        self, library: tvm.runtime.Module, device: Device, operands: Sequence[Any]
    ) -> None:
        """Load a library and pack the weights; the operands lie on the device."""
        self._machine = relax.VirtualMachine(library, device)
        self._device = device
        data, *weights = operands
        self._machine.set_input(PREPARE, *weights)
        self._machine.invoke_stateful(PREPARE)
        packed = self._machine.get_outputs(PREPARE)
        # One packed weight comes as itself.
        packed = packed if isinstance(packed, tuple) else (packed,)
        self._machine.set_input(MAIN, data, *packed)

    def seconds(self, config: EvaluatorConfig, flushed: int = 0) -> list[float]:
        """Return mean times of single runs, `config.repeat` of them.

        Before each of these so many bytes are copied, which leaves nothing of the kernel's own in a
        cache of that size.
        """
        evaluator = self._machine.module.time_evaluator(
            _RUN,
            self._device,
            number=config.number,
            repeat=config.repeat,
            min_repeat_ms=config.min_repeat_ms,
            cache_flush_bytes=flushed,
        )
        return [float(second) for second in evaluator(MAIN).results]

    def result(self) -> NDArray:
        """Run once and return the result."""
        self._machine.invoke_stateful(MAIN)
        return self._machine.get_outputs(MAIN).numpy()


def compare(
    paths: Sequence[str],
    description: dict[str, Any],
    rounds: int,
    threads: int,
    connection: Callable[[], rpc.RPCSession] | None,
) -> list[Times]:
    """Measure kernels of one operation in turns; returns seconds, `rounds` of them for each.

    They run here, or on the other end of a `connection`. Before that each one's result is checked,
    on data with and without zeros: a sum of signs must be equal bit for bit. Raises TuningError
    naming the kernel's place in `paths` when it is not.
    """
    operation = Operation.from_data(description)
    session = connection() if connection else None
    device = session.cpu() if session else tvm.cpu()
    if session:
        session.get_function(_CONFIGURE)(_BIG_CORES, threads)
    else:
        use_threads(threads)
    # A library that came twice would be overwritten on the board while it is in use.
    opened = {path: _open(path, session) for path in dict.fromkeys(paths)}
    libraries = [opened[path] for path in paths]
    for zeros in (0.2, 0.0):
        top = top_level(dict(operation.attrs))
        operands = random_operands(_types(operation), zeros, seed=1, top=top)
        expected = reference(operation, operands)
        tensors = [tvm.runtime.tensor(array, device) for array in operands]
        kernels = [Kernel(library, device, tensors) for library in libraries]
        for place, kernel in enumerate(kernels):
            _check(kernel.result(), expected, operation, place)
    times: list[Times] = [([], []) for _ in kernels]
    for _ in range(rounds):
        for kernel, (warm, cold) in zip(kernels, times, strict=True):
            warm += kernel.seconds(_WARM)
            cold.append(statistics.median(kernel.seconds(_COLD, _FLUSHED)))
    return times


def _open(path: str, session: rpc.RPCSession | None) -> tvm.runtime.Module:
    if session is None:
        return tvm.runtime.load_module(path)
    name = Path(path).name
    session.upload(path, name)
    return session.load_module(name)


def _types(operation: Operation) -> list[tuple[str, tuple[int, ...]]]:
    return [*operation.operands, ("float32", scale_shape(operation))]


def _check(result: NDArray, expected: NDArray, operation: Operation, place: int) -> None:
    if operation.operands[0][0] == "float32":
        bound = _TOLERANCE * max(1.0, float(np.abs(expected).max()))
        right = np.allclose(result, expected, rtol=_TOLERANCE, atol=bound)
    else:
        right = np.array_equal(result, expected)
    if not right:
        wrong = int((result != expected).sum())
        raise TuningError(f"{WRONG}{place}: {wrong} of {expected.size} values differ")
