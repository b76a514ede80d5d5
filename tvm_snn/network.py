"""A compiled network that can be called: the artifact loaded into TVM's virtual machine."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from .artifact import Artifact, TensorSpec, read_artifact, write_artifact
from .errors import ArtifactError, ModelError
from .relay_passes.lower import TRANSFORM_WEIGHTS
from .report import Report
from .target import host_architecture, host_extensions
from .threads import check_threads, use_threads

Result = NDArray | tuple[NDArray, ...]
KernelObserver = Callable[[str, bool, Sequence[Any]], None]
"""Called before (True) and after (False) each kernel, with its name and arguments."""


class Network:
    """A compiled network. Call it with its inputs, in order or by name."""

    def __init__(self, artifact: Artifact, num_threads: int | None = None) -> None:
        """Load an artifact to run on `num_threads` threads, by default on every core.

        Raises ArtifactError when it was made for another machine, SnnError when there are not as
        many processors.
        """
        _check_machine(artifact)
        self.artifact = artifact
        self.num_threads = num_threads
        self._use_threads()
        self._machine = _load(artifact.library)
        self._kernels = frozenset(kernel.function for kernel in artifact.kernels)
        weights = [tvm.runtime.tensor(weight.array) for weight in artifact.weights]
        self._weights = tuple(self._machine[TRANSFORM_WEIGHTS](weights))

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Name, shape and dtype of every input."""
        return self.artifact.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Name, shape and dtype of every output."""
        return self.artifact.outputs

    @property
    def num_threads(self) -> int:
        """How many threads the network runs on, the calling thread among them.

        May be set at any time; None is the default: the environment's TVM_NUM_THREADS, else the
        cores that this process may use. Raises SnnError for what cannot be had.
        """
        return self._num_threads

    @num_threads.setter
    def num_threads(self, count: int | None) -> None:
        self._num_threads = check_threads(count)
        self._insists = count is not None

    def __call__(self, *arrays: Any, **named: Any) -> Result:
        """Run the network on numpy arrays or torch tensors and return numpy arrays.

        Inputs are given in order, by name, or first some in order and the others by name. Returns
        one array, or a tuple of them when the network has several outputs. Raises ModelError when
        an input is missing, unknown, or of another shape or dtype.
        """
        return self._run(self.check_inputs(arrays, named))

    def observe(self, arrays: Sequence[Any], observer: KernelObserver) -> Result:
        """Run the network like a call, telling `observer` of every kernel."""
        checked = self.check_inputs(arrays, {})

        def instrument(_function: Any, name: str, before: bool, _result: Any, *args: Any) -> int:
            if name in self._kernels:
                observer(str(name), bool(before), args)
            return 0

        self._machine.set_instrument(instrument)
        try:
            return self._run(checked)
        finally:
            # The virtual machine has no way to drop an instrument; this one does nothing.
            self._machine.set_instrument(lambda *_: 0)

    def report(self) -> Report:
        """Return what was found and chosen for every layer; `str()` of it is a table."""
        return self.artifact.report

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a file, from which :func:`tvm_snn.load` brings it back."""
        write_artifact(self.artifact, path)

    def check_inputs(self, arrays: Sequence[Any], named: dict[str, Any]) -> list[NDArray]:
        """Return the inputs in order as numpy arrays; raises ModelError when they do not fit."""
        names = [spec.name for spec in self.inputs]
        unknown = sorted(set(named) - set(names[len(arrays) :]))
        if len(arrays) > len(names) or unknown:
            given = f"{len(arrays)} by position" + (f" and {unknown}" if unknown else "")
            raise ModelError(f"The network takes {_listed(self.inputs)}; given were {given}.")
        given_arrays = dict(zip(names, arrays, strict=False)) | named
        missing = [name for name in names if name not in given_arrays]
        if missing:
            raise ModelError(f"The network takes {_listed(self.inputs)}; missing is {missing}.")
        return [_checked(spec, given_arrays[spec.name]) for spec in self.inputs]

    def _run(self, arrays: Sequence[NDArray]) -> Result:
        self._use_threads()
        tensors = [tvm.runtime.tensor(array) for array in arrays]
        result = self._machine["main"](*tensors, *self._weights)
        if isinstance(result, tvm.runtime.Tensor):
            return result.numpy()
        return tuple(tensor.numpy() for tensor in result)

    def _use_threads(self) -> None:
        # Before every run (2 us): the pool is the calling thread's, and shared with others.
        use_threads(self._num_threads, self._insists)


def load(path: str | os.PathLike[str], *, num_threads: int | None = None) -> Network:
    """Load a network that :meth:`Network.save` has written.

    It runs on `num_threads` threads, by default on every core that this process may use (see
    :attr:`Network.num_threads`). Raises ArtifactError when the file is damaged or was made for
    another machine, SnnError when there are not as many processors.
    """
    return Network(read_artifact(path), num_threads)


def _load(library: bytes) -> relax.VirtualMachine:
    # dlopen needs a file, but once it is mapped the file may go.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.so"
        path.write_bytes(library)
        return relax.VirtualMachine(tvm.runtime.load_module(str(path)), tvm.cpu())


def _check_machine(artifact: Artifact) -> None:
    if artifact.architecture != host_architecture():
        raise ArtifactError(
            f"The network was compiled for {artifact.architecture}, this machine is "
            f"{host_architecture()}. Compile it with target='host' on a machine like this one."
        )
    missing = sorted(set(artifact.extensions) - host_extensions())
    if missing:
        raise ArtifactError(
            f"The network was compiled for a processor with {', '.join(missing)}, which this "
            "machine lacks. Compile it with target='host' here, or name this machine's processor "
            "in the target."
        )


def _checked(spec: TensorSpec, value: Any) -> NDArray:
    try:
        # Tensors of torch that require gradients do not convert by themselves.
        array = np.asarray(value.detach() if hasattr(value, "detach") else value, order="C")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"Input {spec.name!r} cannot be read as an array ({error}). The network takes {spec}."
        ) from error
    if array.shape != spec.shape or str(array.dtype) != spec.dtype:
        raise ModelError(
            f"Input {spec.name!r} is {array.dtype}{list(array.shape)}; the network was compiled "
            f"for {spec}. Convert the input, or compile with example inputs of its shape."
        )
    return array


def _listed(specs: Sequence[TensorSpec]) -> str:
    return "(" + ", ".join(map(str, specs)) + ")"
