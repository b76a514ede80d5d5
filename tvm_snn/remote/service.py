"""What a board does for those who connect to it: the calls of `protocol`, in the server's process.

Each session has a process of its own, so what it loads is gone when it ends.
"""

import itertools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tvm
import tvm_ffi
from numpy.typing import NDArray

from ..artifact import read_artifact
from ..errors import SnnError
from ..machine import this_machine
from ..network import Network, compute, open_library
from ..version import __version__
from . import protocol
from .messages import decode, encode

Answer = tuple[dict[str, Any], Sequence[NDArray]]

_networks: dict[int, Network] = {}
_numbers = itertools.count(1)


def register() -> None:
    """Make the calls known to TVM's RPC server, which finds functions by their names."""
    for name, function in _CALLS.items():
        tvm_ffi.register_global_func(name, _answering(function), override=True)


def _answering(function: Callable[..., Answer]) -> Callable[[bytes], bytearray]:
    """Return the function over messages; what goes wrong is an answer, too."""

    def answer(message: bytes) -> bytearray:
        data, arrays = decode(message)
        try:
            result = encode(*function(arrays, **data))
        except SnnError as error:
            result = encode({protocol.ERROR: type(error).__name__, "message": str(error)})
        return bytearray(result)

    return answer


def _describe(_arrays: Sequence[NDArray]) -> Answer:
    return {
        "protocol": protocol.VERSION,
        "tvm_snn": __version__,
        "tvm": tvm.__version__,
        "machine": asdict(this_machine()),
    }, ()


def _load(arrays: Sequence[NDArray], threads: int | None) -> Answer:
    (artifact,) = arrays
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.snn"
        path.write_bytes(artifact.tobytes())
        network = Network(read_artifact(path), threads)
    number = next(_numbers)
    _networks[number] = network
    return {"network": number, "threads": network.num_threads}, ()


def _set_threads(_arrays: Sequence[NDArray], network: int, threads: int | None) -> Answer:
    _networks[network].num_threads = threads  # type: ignore[assignment]
    return {"threads": _networks[network].num_threads}, ()


def _run(arrays: Sequence[NDArray], network: int) -> Answer:
    result = _networks[network](*arrays)
    return {}, result if isinstance(result, tuple) else (result,)


def _capture(arrays: Sequence[NDArray], network: int) -> Answer:
    calls = _networks[network].capture(arrays)
    buffers = [buffer for _, own in calls for buffer in own]
    return {"calls": [(name, len(own)) for name, own in calls]}, buffers


def _measure(arrays: Sequence[NDArray], network: int, runs: int) -> Answer:
    return {"times": asdict(_networks[network].measure(arrays, runs))}, ()


def _compute(arrays: Sequence[NDArray], network: int, inputs: int) -> Answer:
    _networks[network].use_threads()
    library, *operands = arrays
    machine = open_library(library.tobytes())
    return {}, compute(machine, operands[:inputs], operands[inputs:])


def _unload(_arrays: Sequence[NDArray], network: int) -> Answer:
    _networks.pop(network, None)
    return {}, ()


_CALLS: dict[str, Callable[..., Answer]] = {
    protocol.DESCRIBE: _describe,
    protocol.LOAD: _load,
    protocol.SET_THREADS: _set_threads,
    protocol.RUN: _run,
    protocol.CAPTURE: _capture,
    protocol.MEASURE: _measure,
    protocol.COMPUTE: _compute,
    protocol.UNLOAD: _unload,
}
