"""What is tuned: every distinct binary or sub-bit layer of a network once."""

from collections import defaultdict
from dataclasses import dataclass

import tvm

from ..ops import LAYERS
from ..relay_passes.layers import operator_name, var_bindings
from ..relay_passes.slice_batch import functions_of
from ..schedules.operation import Operation


@dataclass(frozen=True)
class Task:
    """A layer to tune; all layers of the network that are the same operation share it."""

    operation: Operation
    layers: tuple[str, ...]
    """Names of the layers, in order of execution."""

    @property
    def name(self) -> str:
        """What to call the task: its first layer, and how many more there are."""
        more = len(self.layers) - 1
        return self.layers[0] + (f" (+{more})" if more else "")


def tasks_of(module: tvm.IRModule) -> list[Task]:
    """Return the tasks of a network whose layers are operators of ours, in order of execution."""
    layers: dict[Operation, list[str]] = defaultdict(list)
    for function in functions_of(module).values():
        for binding in var_bindings(function):
            if operator_name(binding.value) in LAYERS:
                layers[Operation.of(binding.value)].append(str(binding.var.name))
    return [Task(operation, tuple(names)) for operation, names in layers.items()]
