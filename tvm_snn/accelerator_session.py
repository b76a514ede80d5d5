"""Runs the accelerator's part of a network: what the compiled `main` calls."""

from collections import Counter
from collections.abc import Iterator
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

    def run(self, number: int, images: NDArray[np.int8]) -> list[NDArray]:
        """Run a region on images (N, H, W, C), one by one; return its results, each (N, ...)."""
        region, program = self._regions[number], self._loaded[number]
        results = []
        for image in images:
            program.write(region.image.address, region.image.pack(image, self._hardware))
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


_session: ContextVar[AcceleratorSession | None] = ContextVar("accelerator", default=None)


def _accelerate(number: int, image: Any, *results: Any) -> None:
    session = _session.get()
    if session is None:
        raise SnnError(
            "The network computes layers on an accelerator, and none is there: call it through "
            "tvm_snn.load or tvm_snn.compile."
        )
    found = session.run(int(number), image.numpy())
    for array, tensor in zip(found, results, strict=True):
        tensor.copyfrom(array)


tvm_ffi.register_global_func(ACCELERATE, _accelerate, override=True)
