"""Measured time per kernel and per layer of a compiled network."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .accelerator_session import RegionCycles
from .compiled_network import CompiledNetwork
from .conditions import Conditions, change
from .errors import ModelError
from .ops import ACCELERATOR
from .report import LayerRow, Report


@dataclass(frozen=True)
class KernelTime:
    """The time of one kernel call."""

    function: str
    computes: tuple[str, ...]
    """Tensors and layers that the kernel computes."""
    microseconds: float
    """Median over the runs."""


@dataclass(frozen=True)
class Profile:
    """Measured times of a compiled network. `str()` of it is a table."""

    kernels: tuple[KernelTime, ...]
    report: Report
    """The network's layers with the time of the kernels that compute them."""
    microseconds: float
    """Median time of a whole run, without the profile's own measuring."""
    runs: int
    before: Conditions
    """Clock, governor and temperature of the machine when the measuring began."""
    after: Conditions
    """The same at the end: a clock that fell, or heat, explains times that vary."""
    regions: tuple[RegionCycles, ...] = ()
    """What each region on an accelerator takes for one image."""

    def __str__(self) -> str:
        """Return the table of layers, the kernels outside of layers, and the total."""
        return f"{self.report}\n{self.summary()}"

    def summary(self) -> str:
        """Return what the table does not say: the kernels outside of layers, and the total."""
        layers = {row.name for row in self.report.rows}
        others = [k for k in self.kernels if not layers & set(k.computes)]
        lines = []
        if others:
            total = sum(kernel.microseconds for kernel in others)
            slowest = sorted(others, key=lambda kernel: -kernel.microseconds)[:3]
            named = ", ".join(f"{k.function} {k.microseconds:.1f} us" for k in slowest)
            lines.append(
                f"kernels outside of layers: {len(others)}, {total:.1f} us (slowest: {named})"
            )
        shared = [rows for k in self.kernels if len(rows := _layers_of(self.report, k)) > 1]
        lines += [
            f"one kernel computes {', '.join(row.name for row in rows)}: its time is shared among "
            "them by their Bit-OPs"
            for rows in shared
        ]
        if any(row.strategy == ACCELERATOR for row in self.report.rows):
            lines.append("layers on the accelerator were simulated: their times are no hardware's")
        lines += [_cycles(number, region) for number, region in enumerate(self.regions)]
        lines.append(f"whole network: {self.microseconds:.1f} us, median of {self.runs} runs")
        conditions = change(self.before, self.after)
        return "\n".join([*lines, *([conditions] if conditions else [])])


def profile(network: CompiledNetwork, *inputs: Any, runs: int = 20) -> Profile:
    """Measure a compiled network on the given inputs: each kernel, each layer, and the whole.

    A network on a board (see :func:`connect`) is measured there. Medians over `runs` runs after one
    that warms up. The kernels are measured in runs of their own, because measuring costs time too.
    Raises ModelError when `network` is not compiled, the
    inputs do not fit, or there is nothing to measure.
    """
    if not isinstance(network, CompiledNetwork):
        raise ModelError(
            f"What is measured is a compiled network, not a {type(network).__name__}: pass what "
            "tvm_snn.compile or tvm_snn.load returns."
        )
    if runs < 1:
        raise ModelError(f"{runs} runs measure nothing: give 1 or more.")
    times = network.measure(inputs, runs)
    kernels = tuple(
        KernelTime(kernel.function, kernel.computes, 1e6 * statistics.median(seconds))
        for kernel, seconds in zip(
            network.artifact.kernels, zip(*times.kernels, strict=True), strict=True
        )
    )
    return Profile(
        kernels=kernels,
        report=network.report().with_times(_by_layer(network.report(), kernels)),
        microseconds=1e6 * statistics.median(times.whole),
        runs=runs,
        before=times.before,
        after=times.after,
        regions=network.region_cycles(),
    )


def _cycles(number: int, region: RegionCycles) -> str:
    first, last, count = region.layers[0], region.layers[-1], len(region.layers)
    layers = first if count == 1 else f"{first} to {last} ({count} layers)"
    source = "counted" if region.counted else "by the cycle model"
    return (
        f"region {number}, {layers}: {region.cycles:,} cycles an image, {source}; "
        f"{region.milliseconds:.3f} ms at the clock that is assumed"
    )


def _by_layer(report: Report, kernels: Sequence[KernelTime]) -> dict[str, float]:
    """Time of each layer, so that the layers' times add up to those of the kernels."""
    times: dict[str, float] = defaultdict(float)
    for kernel in kernels:
        rows = _layers_of(report, kernel)
        costs = [row.bit_operations or 0 for row in rows]
        if 0 in costs:
            costs = [1] * len(rows)
        for row, cost in zip(rows, costs, strict=True):
            times[row.name] += kernel.microseconds * cost / sum(costs)
    return dict(times)


def _layers_of(report: Report, kernel: KernelTime) -> list[LayerRow]:
    """The layers that a kernel computes: several in a merged convolution, or on an accelerator."""
    return [row for row in report.rows if row.name in kernel.computes]
