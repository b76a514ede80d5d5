"""Stacks of layers on the RTL, or in the cycle model: how many cycles each layer takes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ...errors import VerificationError
from ...target.vta.codegen.generate import Program, generate
from ...target.vta.codegen.layer import OUTSIDE, Layer
from ...target.vta.configuration import Configuration
from ...target.vta.cycle_model import predicted_spans
from ...target.vta.isa.fields import Engine
from ...target.vta.simulator.rtl import Counters, RtlSimulator
from ...target.vta.simulator.spans import Span, spans_of
from .attribution import layers_of_instructions
from .reference import expected_planes
from .stacks import Kind, stack, stage_of


@dataclass(frozen=True)
class LayerRow:
    """The cycles of one layer in its network."""

    network: str
    trunk: bool
    """Whether layers take and store the residual trunk."""
    kind: str
    layer: str
    stage: int
    cycles: int
    """From the end of the last gathering of the layer before it to that of its own; the cycles of
    all layers add up to those of the run."""
    bound: float
    """The cycles of the engine that has most to do, if no lane and no cycle were lost."""
    counted: Counters | None
    """What the hardware counted in these cycles; None of the cycle model."""


@dataclass(frozen=True)
class StackRun:
    """A network's layers on the accelerator."""

    rows: list[LayerRow]
    spans: list[Span]
    layers: list[int]
    """For each instruction of the program, the place of its layer."""


def run_stack(
    network: str,
    kind: Kind,
    trunk: bool,
    hardware: Configuration,
    rtl: RtlSimulator | None,
    size: int = 224,
) -> StackRun:
    """Run a stack for images of size x size on the RTL, or in the cycle model where there is none.

    What the RTL computes is compared with plain convolution. Raises VerificationError where they
    differ, TargetError for layers that do not fit the hardware.
    """
    layers = stack(network, kind, trunk, size, hardware.activation_bits)
    program = generate(layers, hardware)
    if rtl is None:
        spans = predicted_spans(program.instructions, hardware)
    else:
        spans = _spans_on_rtl(program, rtl)
    owners = layers_of_instructions(program)
    bounds = [bound(layer, hardware) for layer in layers]
    ends = _ends(spans, owners, len(layers))
    rows, before = [], _start(spans[-1])
    for layer, least, end in zip(layers, bounds, ends, strict=True):
        rows.append(
            LayerRow(
                *(network, trunk, kind.name, layer.name, stage_of(layer.name)),
                *(end.ends - before.ends, least, _between(before.counters, end.counters)),
            )
        )
        before = end
    return StackRun(rows, spans, owners)


def bound(layer: Layer, hardware: Configuration) -> float:
    """Return the cycles of a layer on the engine that has most to do, all lanes busy always.

    Response engine: a kernel of the subset a cycle and `tree_sharing`; gather engine: `adders`
    outputs a cycle; BCONV: an output a cycle and `tree_sharing`.
    """
    windows = layer.count * layer.channels / (hardware.pixels * hardware.channels)
    if layer.binary:
        return windows * layer.outputs * hardware.tree_sharing
    return windows * max(layer.kernels * hardware.tree_sharing, layer.outputs / hardware.adders)


def _spans_on_rtl(program: Program, rtl: RtlSimulator) -> list[Span]:
    dram = program.dram()
    images, residuals = _fill(program, dram)
    rtl.simulate(program.instructions, dram)
    layers = [one.layer for one in program.planned]
    wanted = expected_planes(layers, images, residuals, program.hardware.activation_bits)
    for name, planes in wanted.items():
        if not np.array_equal(program.planes(dram, name), planes):
            raise VerificationError(
                f"The RTL of {program.hardware.name!r} computes another result of layer {name!r} "
                "than plain convolution"
            )
    return spans_of(program.instructions, rtl.events)


def _fill(
    program: Program, dram: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Put random images and residuals where they are expected from outside; return them."""
    rng = np.random.default_rng(1)
    images, residuals = {}, {}
    low, high = (-1, 2) if program.hardware.activation_bits == 2 else (-128, 128)
    for one in program.planned:
        layer, name = one.layer, one.layer.name
        if layer.image == OUTSIDE:
            shape = (layer.height, layer.width, layer.channels)
            images[name] = rng.integers(low, high, shape).astype(np.int8)
            program.put_image(dram, name, images[name])
        if layer.residual == OUTSIDE:
            size = (layer.outputs, layer.count)
            residuals[name] = rng.integers(-500, 500, size).astype(np.int16)
            program.put_residual(dram, name, residuals[name])
    return images, residuals


def _ends(spans: Sequence[Span], owners: Sequence[int], layers: int) -> list[Span]:
    """Return for each layer the span of its last gathering; for the last layer, the run's last."""
    last: dict[int, Span] = {}
    for span in spans:
        if span.engine is Engine.GATHER:
            last[owners[span.place]] = span
    return [*(last[place] for place in range(layers - 1)), spans[-1]]


def _start(span: Span) -> Span:
    zero = None if span.counters is None else Counters(*[0] * len(asdict(span.counters)))
    return Span(0, Engine.GATHER, 0, 0, zero)


def _between(first: Counters | None, last: Counters | None) -> Counters | None:
    if first is None or last is None:
        return None
    before, after = asdict(first), asdict(last)
    return Counters(**{name: after[name] - before[name] for name in after})
