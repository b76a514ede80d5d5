"""OpenVINO's int8 as it is on processors without AMX, next to what it does with it.

oneDNN, by which OpenVINO computes, takes the instructions it may use from an environment variable,
once for a process. So this engine lives in a process of its own, which takes its turns like the
others and sleeps in between.
"""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from numpy.typing import NDArray

from ..layers_of_resnet18 import Layer
from ..machine import LIMITING, instructions
from ..rows import WITHOUT_AMX
from ..timing import Contender
from .exported import ExportedNetwork

INT8_WITHOUT_AMX = f"int8{WITHOUT_AMX}"
_LIMIT = "AVX512_CORE_VNNI"


def has_amx() -> bool:
    """Tell whether engines of this process may use AMX."""
    return "amx_int8" in instructions() and LIMITING not in os.environ


class WithoutAmx:
    """The engine. Each contender takes the place of the one before."""

    NAME = "OpenVINO without AMX"

    def __init__(self) -> None:
        """Start no process yet."""
        self._process: Any = None
        self._pipe: Connection | None = None

    def layer_contenders(self, layer: Layer, threads: int) -> dict[str, "Remote"]:
        """Return the int8 convolution of a layer."""
        return {INT8_WITHOUT_AMX: self._contender("layer", layer, threads)}

    def network_contenders(self, network: ExportedNetwork, threads: int) -> dict[str, "Remote"]:
        """Return the int8 network."""
        if network.int8_model is None:
            return {}
        made = self._contender("network", network.int8_model, network.data, threads)
        return {INT8_WITHOUT_AMX: made}

    def _contender(self, what: str, *arguments: Any) -> "Remote":
        return Remote(self._ask, self._ask(what, *arguments))

    def _ask(self, *question: Any) -> Any:
        if self._pipe is None:
            self._start()
        assert self._pipe is not None
        self._pipe.send(question)
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise RuntimeError(f"The process of {self.NAME} has died.") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True)
        before = os.environ.get(LIMITING)
        os.environ[LIMITING] = _LIMIT
        try:
            self._process.start()
        finally:
            if before is None:
                del os.environ[LIMITING]
            else:
                os.environ[LIMITING] = before
        other.close()


@dataclass(frozen=True)
class Remote:
    """A contender in the other process."""

    ask: Callable[..., Any]
    kernel: str

    def turn(self, seconds: float) -> float:
        """Let it run there for so long; return the median of the runs in microseconds."""
        return float(self.ask("turn", seconds))

    def result(self) -> NDArray:
        """Return what it computes."""
        computed: NDArray = self.ask("result")
        return computed


def _serve(pipe: Connection) -> None:
    """Answer questions until the other end closes; what goes wrong is an answer, too."""
    from . import openvino

    makers: dict[str, Callable[..., Contender]] = {
        "layer": openvino.int8_layer,
        "network": openvino.network_of,
    }
    made: Contender | None = None
    while True:
        try:
            verb, *arguments = pipe.recv()
        except EOFError:
            return
        try:
            if verb in makers:
                made = makers[verb](*arguments)
                answer: Any = made.kernel
            else:
                answer = getattr(made, verb)(*arguments)
        except Exception as error:
            # Told to whoever asked.
            answer = error
        pipe.send(answer)
