"""Runs the accelerator's part of a network: what the compiled `main` calls."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from numpy.typing import NDArray

from .accelerator_programs import AcceleratorPrograms
from .errors import SnnError
from .relay_passes.trace_kernels import ACCELERATE
from .target.vta.simulator.direct import AcceleratorLike
from .target.vta.simulator.rtl import Counters

Observer = Callable[[int, Counters | None], None]
"""Told of a region's number and what the hardware counted, once for each image."""


class AcceleratorSession:
    """The programs of one network, loaded into one accelerator."""

    def __init__(self, programs: AcceleratorPrograms, accelerator: AcceleratorLike) -> None:
        """Load the programs."""
        self._hardware, self._regions = programs.hardware, programs.regions
        self._loaded = [
            accelerator.load(region.instructions, region.filled_memory())
            for region in programs.regions
        ]
        self.observer: Observer | None = None

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
            counted = program.run()
            if self.observer is not None:
                self.observer(number, counted)
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
    found = session.run(int(number), _array(image))
    _copy(found, results)


def _array(tensor: Any) -> NDArray:
    return tvm.runtime.from_dlpack(tensor).numpy() if hasattr(tensor, "__dlpack__") else tensor


def _copy(arrays: Sequence[NDArray], tensors: Sequence[Any]) -> None:
    for array, tensor in zip(arrays, tensors, strict=True):
        tensor.copyfrom(array)


tvm_ffi.register_global_func(ACCELERATE, _accelerate, override=True)
