"""What the main path does for a network that has an accelerator beside its processor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray

from .accelerator_programs import AcceleratorPrograms, generate_programs
from .artifact import TensorSpec
from .ops import ACCELERATOR
from .progress import phase
from .relay_passes.choose_strategies import Choice
from .relay_passes.detect_layers import DENSE, Layer
from .relay_passes.divide import divide
from .relay_passes.lift_weights import LiftedNetwork
from .relay_passes.outline_regions import outline_regions, result_name
from .relay_passes.partition import Partition
from .relay_passes.rewrite_layers import rewrite_layers
from .relay_passes.trace_kernels import ACCELERATE, Kernel
from .seeded_inputs import seeded_inputs
from .target.vta.codegen.tuned import Tilings
from .target.vta.configuration import Configuration


@dataclass(frozen=True)
class Offload:
    """To which accelerator layers are given, and how it computes its part of a network."""

    hardware: Configuration
    tilings: Tilings | None = None
    """How it cuts layers, as far as that is said."""
    samples: Sequence[NDArray] | None = None
    """Inputs of the network, on which the steps of fixed point are chosen for residual trunks.

    Without any, the processor computes trunks in float32.
    """

    def divide(
        self, module: tvm.IRModule, layers: Sequence[Layer]
    ) -> tuple[tvm.IRModule, Partition]:
        """Rewrite the layers that were detected, and lay out and divide the network."""
        rewritten = rewrite_layers(layers)(module)
        with phase("dividing the network"):
            return divide(rewritten, [layer.name for layer in layers], self.hardware, self.samples)

    def outline(
        self, lifted: LiftedNetwork, parts: Partition
    ) -> tuple[tvm.IRModule, AcceleratorPrograms]:
        """Return the network with calls in the place of regions, and what these calls run."""
        outlined = outline_regions(parts.regions)(lifted.module)
        used = {str(param.name) for param in outlined["main"].params}
        inside = [weight.name for weight in lifted.weights if weight.name not in used]
        return outlined, generate_programs(parts.regions, self.hardware, inside, self.tilings)


def trunk_samples(inputs: Sequence[TensorSpec], given: Sequence[Any] | None) -> list[NDArray]:
    """Return inputs of a network on which the range of its residual trunks is looked at.

    Those that were given, if they are the network's own in shape and type, or else seeded ones.
    """
    arrays = [
        np.asarray(value.detach() if hasattr(value, "detach") else value) for value in given or ()
    ]
    found = [(array.shape, str(array.dtype)) for array in arrays]
    fit = found == [(spec.shape, spec.dtype) for spec in inputs]
    return arrays if fit else seeded_inputs(inputs)


def with_places(
    choices: Mapping[str, Choice], layers: Sequence[Layer], parts: Partition
) -> dict[str, Choice]:
    """Return the choices, those of the accelerator too, with what is said of each layer's place."""
    placed = {name: Choice(ACCELERATOR, parts.reasons[name]) for name in parts.layers}
    for name, choice in choices.items():
        placed[name] = replace(choice, reason=f"{parts.reasons[name]}; {choice.reason}")
    for layer in layers:
        if layer.verdict == DENSE:
            placed[layer.name] = Choice("", "on CPU: because its weights are no signs")
    return placed


def with_regions(kernels: Sequence[Kernel], programs: AcceleratorPrograms) -> tuple[Kernel, ...]:
    """Return the kernels, calls of the accelerator with what their regions compute."""
    by_result = {
        result_name(n, region.tensors): region for n, region in enumerate(programs.regions)
    }
    named = []
    for kernel in kernels:
        if kernel.function == ACCELERATE:
            region = by_result[kernel.outputs[0]]
            computes = tuple(dict.fromkeys((*region.layers, *region.tensors)))
            kernel = Kernel(ACCELERATE, region.tensors, computes)
        named.append(kernel)
    return tuple(named)
