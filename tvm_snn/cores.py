"""The binary layers of a network, each compiled alone.

In the network the integer sums of a layer never reach memory: scale, BatchNorm and the next sign
are fused into the kernel that adds them up, and a sign hides most errors. Verification therefore
compiles the layers a second time with nothing fused to them, by the same strategies and schedules
and from the same weights, and compares what they compute.
"""

from collections.abc import Callable, Mapping, Sequence

import tvm
from numpy.typing import NDArray
from tvm import relax
from tvm.target import Target

from .ops import ACCELERATOR, LAYERS
from .relay_passes.layers import operator_name, var_bindings
from .relay_passes.lower import lower
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
        them. The others run by `compute`, where the network runs (see `CompiledNetwork.compute`).
        """
        calls = {
            str(binding.var.name): binding.value
            for binding in var_bindings(main)
            if operator_name(binding.value) in LAYERS
            and attrs_dict(binding.value)["strategy"] != ACCELERATOR
        }
        self.layers = tuple(calls)
        self._compute = compute
        self._executable = None
        if calls:
            module, parameters = _module(calls)
            self._executable = lower(module, target).executable
            self._weights = [weights[name] for name in parameters]

    def __call__(self, data: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """Return the sums of every layer for its data, both by the layer's name."""
        if self._executable is None:
            return {}
        inputs = [data[name] for name in self.layers]
        sums = self._compute(self._executable, inputs, self._weights)
        return dict(zip(self.layers, sums, strict=True))


def _module(calls: Mapping[str, relax.Call]) -> tuple[tvm.IRModule, list[str]]:
    """Return a module that computes the calls side by side, and its weights in order."""
    data = [relax.Var(f"{name}.data", call.args[0].ty) for name, call in calls.items()]
    weights = list(dict.fromkeys(weight for call in calls.values() for weight in call.args[1:]))
    builder = relax.BlockBuilder()
    with builder.function("main", [*data, *weights], {"num_input": len(data)}):
        with builder.dataflow():
            sums = [
                builder.emit(relax.Call(call.op, [own, *call.args[1:]], call.attrs))
                for own, call in zip(data, calls.values(), strict=True)
            ]
            result = builder.emit_output(relax.Tuple(sums))
        builder.emit_func_output(result)
    return builder.get(), [str(weight.name) for weight in weights]
