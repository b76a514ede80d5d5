"""Run a network that `tvm-snn compile --runtime c` has made, in a Python without TVM.

This file needs Python 3.8 or later and numpy, and nothing else of tvm_snn: it may be copied to a
board next to the network.

>>> import capi
>>> network = capi.load("./resnet18.so")
>>> network.inputs
(Tensor(name='image', shape=(1, 3, 224, 224), dtype='float32'),)
>>> scores = network(image)

or, on the command line, `python3 capi.py resnet18.so image.npy -o scores.npy`.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class NetworkError(Exception):
    """The library cannot be loaded, or refused what it was given; the message says why."""


class Tensor(NamedTuple):
    """What an input or output is."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class _Info(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("dimensions", ctypes.c_size_t),
        ("bytes", ctypes.c_size_t),
    )


class _Buffer(ctypes.Structure):
    """snn_input and snn_output."""

    _fields_ = (("data", ctypes.c_void_p), ("bytes", ctypes.c_size_t))


class Network:
    """A network with its weights unpacked. Call it with its inputs, in order.

    Each network may be used by one thread at a time, different ones by different threads at once:
    Python's lock is released while one runs.
    """

    def __init__(self, path: str | os.PathLike[str], prefix: str = "snn") -> None:
        """Load a library and create a network of it; see :func:`load`."""
        self._handle = ctypes.c_void_p()
        self._functions = _open(path, prefix)
        status = self._functions["create"](ctypes.byref(self._handle))
        if status:
            raise NetworkError(f"{os.fspath(path)}: {self._text(status)}.")
        self.inputs = self._tensors("input")
        self.outputs = self._tensors("output")

    def __call__(self, *arrays: object) -> np.ndarray | tuple[np.ndarray, ...]:
        """Run on numpy arrays, of the very shapes and dtypes that `inputs` says.

        Returns one array, or a tuple of them when the network has several outputs. Raises
        NetworkError when the inputs do not fit.
        """
        if len(arrays) != len(self.inputs):
            raise NetworkError(f"The network takes {len(self.inputs)} inputs, not {len(arrays)}.")
        given = [_checked(spec, array) for spec, array in zip(self.inputs, arrays)]
        results = [np.empty(spec.shape, spec.dtype) for spec in self.outputs]
        status = self._functions["run"](
            self._handle, _buffers(given), len(given), _buffers(results), len(results)
        )
        if status:
            said = self._functions["last_error"](self._handle).decode()
            raise NetworkError(f"The network did not run: {said or self._text(status)}.")
        return results[0] if len(results) == 1 else tuple(results)

    def __del__(self) -> None:
        """Free the network's memory."""
        if getattr(self, "_handle", None):
            self._functions["destroy"](self._handle)

    def _text(self, status: int) -> str:
        return self._functions["status_text"](status).decode()

    def _tensors(self, kind: str) -> tuple[Tensor, ...]:
        count = self._functions[f"{kind}_count"]()
        infos = [self._functions[f"{kind}_info"](index).contents for index in range(count)]
        return tuple(
            Tensor(info.name.decode(), tuple(info.shape[: info.dimensions]), info.dtype.decode())
            for info in infos
        )


def load(path: str | os.PathLike[str], prefix: str = "snn") -> Network:
    """Load a shared library and create a network.

    `prefix` is what the names of its functions start with. Raises NetworkError when the library
    cannot be loaded, is none of tvm_snn's, or was made for another processor.
    """
    return Network(path, prefix)


def _open(path: str | os.PathLike[str], prefix: str) -> dict[str, Callable[..., Any]]:
    # A name without a slash would be looked for in the system's folders.
    absolute = os.path.abspath(os.fspath(path))
    try:
        library = ctypes.CDLL(absolute)
    except OSError as error:
        raise NetworkError(f"Cannot load {absolute}: {error}.") from error
    pointer, size, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
    info = ctypes.POINTER(_Info)
    buffers = ctypes.POINTER(_Buffer)
    signatures = {
        "create": (ctypes.c_int, [pointer]),
        "destroy": (None, [pointer]),
        "run": (ctypes.c_int, [pointer, buffers, size, buffers, size]),
        "last_error": (text, [pointer]),
        "status_text": (text, [ctypes.c_int]),
        "input_count": (size, []),
        "output_count": (size, []),
        "input_info": (info, [size]),
        "output_info": (info, [size]),
    }
    functions = {}
    for name, (result, parameters) in signatures.items():
        try:
            function = getattr(library, f"{prefix}_{name}")
        except AttributeError as error:
            raise NetworkError(
                f"{absolute} has no function {prefix}_{name}: it is no network of tvm_snn, or was "
                "compiled with another prefix."
            ) from error
        function.restype, function.argtypes = result, parameters
        functions[name] = function
    return functions


def _checked(spec: Tensor, value: object) -> np.ndarray:
    array = np.asarray(value, order="C")
    if array.shape != spec.shape or str(array.dtype) != spec.dtype:
        raise NetworkError(
            f"Input {spec.name!r} is {spec.dtype}{list(spec.shape)}, "
            f"given was {array.dtype}{list(array.shape)}."
        )
    return array


def _buffers(arrays: list[np.ndarray]) -> ctypes.Array[_Buffer]:
    buffers = [_Buffer(array.ctypes.data, array.nbytes) for array in arrays]
    return (_Buffer * len(buffers))(*buffers)


def main() -> int:
    """Run a network on .npy files; returns the exit status."""
    parser = argparse.ArgumentParser(description="Run a network made by `tvm-snn compile`.")
    parser.add_argument("library", help="the shared library, for example resnet18.so")
    parser.add_argument("inputs", nargs="+", metavar="input.npy", help="one file an input")
    parser.add_argument("-o", "--output", action="append", default=[], help="one .npy an output")
    parser.add_argument("--prefix", default="snn", help="what its functions' names start with")
    options = parser.parse_args()
    try:
        network = load(options.library, options.prefix)
        results = network(*(np.load(path, allow_pickle=False) for path in options.inputs))
    except (NetworkError, OSError, ValueError) as error:
        print(f"capi: {error}", file=sys.stderr)
        return 1
    if not isinstance(results, tuple):
        results = (results,)
    for path, array in zip(options.output, results):
        np.save(path, array)
    for spec, array in zip(network.outputs, results):
        print(f"{spec.name}: {spec.dtype}{list(spec.shape)}")
        print(array)
    return 0


if __name__ == "__main__":
    sys.exit(main())
