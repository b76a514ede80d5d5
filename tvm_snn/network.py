"""A compiled network that can be called: the artifact loaded into TVM's virtual machine."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from .accelerator_session import AcceleratorSession, RegionCycles
from .artifact import Artifact, read_artifact
from .c_runtime import PREFIX, CLibrary, compare_library, export_c
from .compiled_network import CompiledNetwork, KernelCall, Result
from .errors import ArtifactError
from .machine import this_machine
from .measurement import KernelObserver, Times, measure
from .relay_passes.lower import TRANSFORM_WEIGHTS
from .target.vta.simulator.boards import simulated
from .threads import check_threads, use_threads


class Network(CompiledNetwork):
    """A compiled network on this machine. Call it with its inputs, in order or by name."""

    def __init__(
        self, artifact: Artifact, num_threads: int | None = None, accelerator: str = "functional"
    ) -> None:
        """Load an artifact to run on `num_threads` threads, by default on every core.

        `accelerator` is the simulator of an accelerator that the network has: "functional", or
        "rtl". Raises ArtifactError when the artifact was made for another machine, SnnError when
        there are not as many processors.
        """
        misfit = artifact.requirements.misfit(this_machine())
        if misfit is not None:
            raise ArtifactError(misfit)
        super().__init__(artifact)
        self.num_threads = num_threads
        self.use_threads()
        self._machine = open_library(artifact.library)
        self._kernels = frozenset(kernel.function for kernel in artifact.kernels)
        self._main = self._machine["main"]
        weights = [tvm.runtime.tensor(weight.array) for weight in artifact.processor_weights]
        self._weights = tuple(self._machine[TRANSFORM_WEIGHTS](weights))
        self.accelerator: AcceleratorSession | None = None
        if artifact.accelerator is not None:
            simulator = simulated(artifact.accelerator.hardware, accelerator)
            self.accelerator = AcceleratorSession(artifact.accelerator, simulator)

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

    def export_c(self, path: str | os.PathLike[str], *, prefix: str = PREFIX) -> CLibrary:
        """Write the network as a C library; see :meth:`CompiledNetwork.export_c`."""

        def check(library: Path) -> None:
            compare_library(library, prefix, self.inputs, self)

        return export_c(self.artifact, path, prefix, check)

    def region_cycles(self) -> tuple[RegionCycles, ...]:
        """Return the cycles of each region: counted by the RTL, or else by the cycle model."""
        return () if self.accelerator is None else self.accelerator.region_cycles()

    def measure(self, arrays: Sequence[Any], runs: int) -> Times:
        """Measure the network: see `measurement.measure`."""
        checked = self.check_inputs(arrays, {})
        return measure(
            lambda: self._run(checked), lambda observer: self.observe(checked, observer), runs
        )

    def capture(self, arrays: Sequence[Any]) -> list[KernelCall]:
        """Run once and return every kernel call in order, with copies of its arguments."""
        calls: list[KernelCall] = []

        def observer(function: str, before: bool, arguments: Sequence[Any]) -> None:
            if not before:
                buffers = [a.numpy().copy() for a in arguments if isinstance(a, tvm.runtime.Tensor)]
                calls.append((function, buffers))

        self.observe(arrays, observer)
        return calls

    def compute(
        self, executable: relax.VMExecutable, inputs: Sequence[NDArray], weights: Sequence[NDArray]
    ) -> list[NDArray]:
        """Run another executable for the same target on this machine."""
        self.use_threads()
        return compute(relax.VirtualMachine(executable, tvm.cpu()), inputs, weights)

    def use_threads(self) -> None:
        """Let TVM's thread pool of the calling thread have the threads of this network.

        Before every run (2 us): the pool is the calling thread's, and shared with others.
        """
        use_threads(self._num_threads, self._insists)

    def _run(self, arrays: Sequence[NDArray]) -> Result:
        self.use_threads()
        with self.accelerator.active() if self.accelerator is not None else nullcontext():
            result = self._main(*map(_to_tensor, arrays), *self._weights)
        if isinstance(result, tvm.runtime.Tensor):
            return _to_numpy(result)
        return tuple(map(_to_numpy, result))


def load(
    path: str | os.PathLike[str],
    *,
    num_threads: int | None = None,
    accelerator: str = "functional",
) -> Network:
    """Load a network that :meth:`Network.save` has written.

    It runs on `num_threads` threads, by default on every core that this process may use (see
    :attr:`Network.num_threads`). An accelerator that it was compiled for is simulated:
    `accelerator` is "functional", or "rtl" for the hardware itself, to the cycle. Raises
    ArtifactError when the file is damaged or was made for another machine, SnnError when there are
    not as many processors.
    """
    return Network(read_artifact(path), num_threads, accelerator)


def open_library(library: bytes) -> relax.VirtualMachine:
    """Load a shared library of TVM's into a virtual machine."""
    # dlopen needs a file, but once it is mapped the file may go.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.so"
        path.write_bytes(library)
        return relax.VirtualMachine(tvm.runtime.load_module(str(path)), tvm.cpu())


def compute(
    machine: relax.VirtualMachine, inputs: Sequence[NDArray], weights: Sequence[NDArray]
) -> list[NDArray]:
    """Pack the weights, run `main`, which returns a tuple, and return its outputs."""
    packed = machine[TRANSFORM_WEIGHTS]([tvm.runtime.tensor(array) for array in weights])
    outputs = machine["main"](*map(tvm.runtime.tensor, inputs), *packed)
    return [tensor.numpy() for tensor in outputs]


def _to_tensor(array: NDArray) -> tvm.runtime.Tensor:
    """Copy an input to where the kernels may read it, aligned.

    Like `_to_numpy` it goes through numpy's view of the tensor: TVM's own copying takes 10 us more,
    which is a twentieth of a small network's time.
    """
    tensor = tvm.runtime.empty(array.shape, array.dtype)
    np.copyto(np.from_dlpack(tensor), array)
    return tensor


def _to_numpy(tensor: tvm.runtime.Tensor) -> NDArray:
    """Copy an output, so that its memory may serve the next run."""
    return np.from_dlpack(tensor).copy()
