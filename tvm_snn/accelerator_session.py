"""Runs the accelerator's part of a network: what the compiled `main` calls."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm_ffi
from numpy.typing import NDArray

from .accelerator_programs import AcceleratorPrograms
from .errors import SnnError
from .relay_passes.trace_kernels import ACCELERATE
from .target.vta.cycle_model import predicted_cycles
from .target.vta.driver import Accelerator
from .target.vta.isa.encoding import decode


@dataclass(frozen=True)
class RegionCycles:
    """How long the accelerator takes for one image in a region."""

    layers: tuple[str, ...]
    cycles: int
    counted: bool
    """Whether the hardware, or its RTL, counted them; else the cycle model has predicted them."""
    milliseconds: float
    """At the clock that the configuration assumes."""


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
        self._latest: dict[int, int] = {}

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
            self._latest[number] = program.run().cycles
            self.cycles[number] += self._latest[number]
            results.append(
                [
                    port.unpack(
                        program.read(port.address, port.size(self._hardware)), self._hardware
                    )
                    for port in region.results
                ]
            )
        return [np.stack(parts) for parts in zip(*results, strict=True)]

    def region_cycles(self) -> tuple[RegionCycles, ...]:
        """Return the cycles of each region: those of its latest image, or else predicted ones."""
        return tuple(self._cycles_of(number) for number in range(len(self._regions)))

    def _cycles_of(self, number: int) -> RegionCycles:
        region, hardware = self._regions[number], self._hardware
        counted = self._latest.get(number, 0)
        cycles = counted or predicted_cycles(decode(region.instructions), hardware)
        milliseconds = cycles / (1e3 * hardware.clock_mhz)
        return RegionCycles(region.layers, cycles, bool(counted), milliseconds)

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
