"""Decide for every binary and sub-bit layer which schedule computes it on the target.

A tuning record for the very layer and target decides; without one the cost model does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import tvm
from tvm import relax

from ..ops import ACCELERATOR, LAYERS, static_shape, with_strategy
from ..schedules import choose, subset_gather
from ..schedules.config import with_config
from ..schedules.operation import Operation
from ..schedules.records import Record, Records
from ..schedules.subset_gather.responses import with_known_subset
from ..target import Features
from ..tvm_api import attrs_dict
from .layers import operator_name, var_bindings
from .mutation import mutate_main
from .slice_batch import BODY, functions_of


@dataclass(frozen=True)
class Choice:
    """The strategy chosen for a layer, and why, as a sentence for the report."""

    strategy: str
    reason: str
    config: Mapping[str, int] = field(default_factory=dict)
    """Knobs of the strategy; empty for its own choice."""


def choose_strategies(
    module: tvm.IRModule, features: Features, records: Records | None = None
) -> dict[str, Choice]:
    """Return the choice for every call of our operators in `main`, by the layer's name.

    Layers that are computed for slices of the batch are judged as they are then.
    """
    records = records or Records()
    return {
        str(binding.var.name): _choice(binding.value, features, records, name == BODY)
        for name, function in functions_of(module).items()
        for binding in var_bindings(function)
        if operator_name(binding.value) in LAYERS
        and attrs_dict(binding.value).get("strategy") != ACCELERATOR
    }


def _choice(call: relax.Call, features: Features, records: Records, slices: bool) -> Choice:
    images, *_ = static_shape(call.args[0].ty) or ()
    how = f"; of the batch {images} at a time" if slices else ""
    record = records.find(Operation.of(call), features)
    if record is not None:
        return Choice(record.strategy, _measured(record) + how, record.config)
    strategy, reason = choose(call, features)
    return Choice(strategy.name, f"cost model: {reason}{how}")


def _measured(record: Record) -> str:
    knobs = ", ".join(f"{knob} {value}" for knob, value in sorted(record.config.items()))
    threads = "1 thread" if record.threads == 1 else f"{record.threads} threads"
    return (
        f"tuned record of {record.date}{f' ({knobs})' if knobs else ''}: {record.gain:.2f} times "
        f"as fast as {record.default_strategy} on {record.processor}, {threads}"
    )


def set_strategies(choices: dict[str, Choice]) -> tvm.transform.Pass:
    """Return the pass that writes each choice into the attributes of its call."""

    @tvm.transform.module_pass(opt_level=0, name="SetStrategies")
    def transform(module: tvm.IRModule, _context: tvm.transform.PassContext) -> tvm.IRModule:
        return mutate_main(module, _Setter(module, choices))

    return transform


@relax.expr_functor.mutator
class _Setter(relax.PyExprMutator):
    def __init__(self, module: tvm.IRModule, choices: dict[str, Choice]) -> None:
        super().__init__(module)
        self._choices = choices

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        choice = self._choices.get(str(binding.var.name))
        if choice is None:
            super().visit_var_binding_(binding)
            return
        call = with_strategy(self.visit_expr(binding.value), choice.strategy)
        call = with_config(call, choice.config)
        if choice.strategy == subset_gather.NAME:
            call = with_known_subset(call)
        call = self.builder_.normalize(call)
        self.builder_.emit_normalized(relax.VarBinding(binding.var, call))
