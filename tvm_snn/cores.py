"""The binary layers of a network, each compiled alone.

In the network the integer sums of a layer never reach memory: scale, BatchNorm and the next sign
are fused into the kernel that adds them up, and a sign hides most errors. Verification therefore
compiles the layers a second time with nothing fused to them, by the same strategies and schedules
and from the same weights, and compares what they compute.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax
from tvm.target import Target

from .ops import ACCELERATOR, LAYERS, static_shape
from .relay_passes.layers import operator_name, var_bindings
from .relay_passes.lower import lower
from .relay_passes.slice_batch import functions_of
from .tvm_api import attrs_dict

Compute = Callable[[relax.VMExecutable, Sequence[NDArray], Sequence[NDArray]], Sequence[NDArray]]


class Cores:
    """The binary layers of a network, ready to be called with each layer's own data."""

    def __init__(
        self,
        main: relax.Function,
        target: Target,
        weights: Mapping[str, NDArray],
        compute: Compute,
    ) -> None:
        """Compile every binary layer of a planned `main` whose weights are parameters.

        Layers on an accelerator are left out: their sums are results of its programs, or inside
        them. The others run by `compute`, where the network runs (see `CompiledNetwork.compute`),
        for as many images at a time as in the network.
        """
        functions = functions_of(tvm.IRModule({"main": main})).values()
        self._groups = [
            (
                layers,
                lower(layers.module(), target).executable,
                [weights[n] for n in layers.weights],
            )
            for layers in map(_Layers, functions)
            if layers.calls
        ]
        self.layers = tuple(name for layers, _, _ in self._groups for name in layers.calls)
        self._compute = compute

    def __call__(self, data: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """Return the sums of every layer for its data, both by the layer's name."""
        found: dict[str, NDArray] = {}
        for layers, executable, weights in self._groups:
            slices = zip(*(layers.slices(name, data[name]) for name in layers.calls), strict=True)
            sums = [self._compute(executable, part, weights) for part in slices]
            joined = map(np.concatenate, zip(*sums, strict=True))
            found |= zip(layers.calls, joined, strict=True)
        return found


class _Layers:
    """The binary layers of one function of a network."""

    def __init__(self, function: relax.Function) -> None:
        self.calls = {
            str(binding.var.name): binding.value
            for binding in var_bindings(function)
            if operator_name(binding.value) in LAYERS
            and attrs_dict(binding.value)["strategy"] != ACCELERATOR
        }
        read = (weight for call in self.calls.values() for weight in call.args[1:])
        self._weights = list(dict.fromkeys(read))
        self.weights = [str(weight.name) for weight in self._weights]

    def slices(self, name: str, data: NDArray) -> list[NDArray]:
        """Cut the data of a layer into as many images as the function computes at a time."""
        images, *_ = static_shape(self.calls[name].args[0].ty) or ()
        return np.split(data, len(data) // images)

    def module(self) -> tvm.IRModule:
        """Return a module that computes the layers side by side, given their data and weights."""
        data = [relax.Var(f"{name}.data", call.args[0].ty) for name, call in self.calls.items()]
        builder = relax.BlockBuilder()
        with builder.function("main", [*data, *self._weights], {"num_input": len(data)}):
            with builder.dataflow():
                sums = [
                    builder.emit(relax.Call(call.op, [own, *call.args[1:]], call.attrs))
                    for own, call in zip(data, self.calls.values(), strict=True)
                ]
                result = builder.emit_output(relax.Tuple(sums))
            builder.emit_func_output(result)
        return builder.get()
