"""Runs the accelerator's part of a network: what the compiled `main` calls."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import tvm_ffi
from numpy.typing import NDArray

from .accelerator_programs import AcceleratorPrograms
from .errors import SnnError
from .relay_passes.trace_kernels import ACCELERATE
from .target.vta.driver import Accelerator


class AcceleratorSession:
    """The programs of one network, loaded into one accelerator."""

    def __init__(self, programs: AcceleratorPrograms, accelerator: Accelerator) -> None:
        """Load the programs."""
        self._hardware, self._regions = programs.hardware, programs.regions
        self._loaded = [
            accelerator.load(region.instructions, region.filled_memory())
            for region in programs.regions
        ]
        self.cycles: Counter[int] = Counter()
        """By region, as counted in the runs so far; 0 where nothing counts."""

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let the networks that this thread runs meanwhile call this accelerator."""
        token = _session.set(self)
        try:
            yield
        finally:
            _session.reset(token)

    def run(self, number: int, tensors: Sequence[NDArray]) -> list[NDArray]:
        """Run a region on its inputs, each (N, H, W, C), one n after the other.

        Returns its results, each (N, ...).
        """
        region, program = self._regions[number], self._loaded[number]
        results = []
        for inputs in zip(*tensors, strict=True):
            for port, array in zip(region.inputs, inputs, strict=True):
                program.write(port.address, port.pack(array, self._hardware))
            self.cycles[number] += program.run().cycles
            results.append(
                [
                    port.unpack(
                        program.read(port.address, port.size(self._hardware)), self._hardware
                    )
                    for port in region.results
                ]
            )
        return [np.stack(parts) for parts in zip(*results, strict=True)]

    def inputs_of(self, number: int) -> int:
        """Return how many tensors a region takes."""
        return len(self._regions[number].inputs)


_session: ContextVar[AcceleratorSession | None] = ContextVar("accelerator", default=None)


def _accelerate(number: int, *tensors: Any) -> None:
    session = _session.get()
    if session is None:
        raise SnnError(
            "The network computes layers on an accelerator, and none is there: call it through "
            "tvm_snn.load or tvm_snn.compile."
        )
    count = session.inputs_of(int(number))
    found = session.run(int(number), [tensor.numpy() for tensor in tensors[:count]])
    for array, tensor in zip(found, tensors[count:], strict=True):
        tensor.copyfrom(array)


tvm_ffi.register_global_func(ACCELERATE, _accelerate, override=True)
