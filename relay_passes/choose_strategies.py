"""Decide for every binary and sub-bit layer which schedule computes it on the target."""

from dataclasses import dataclass

import tvm
from tvm import relax

from ..ops import LAYERS, with_strategy
from ..schedules import choose
from ..target import Features
from .layers import operator_name, var_bindings


@dataclass(frozen=True)
class Choice:
    """The strategy chosen for a layer, and why, as a sentence for the report."""

    strategy: str
    reason: str


def choose_strategies(module: tvm.IRModule, features: Features) -> dict[str, Choice]:
    """Return the choice for every call of our operators in `main`, by the layer's name."""
    choices = {}
    for binding in var_bindings(module["main"]):
        if operator_name(binding.value) in LAYERS:
            strategy, reason = choose(binding.value, features)
            choices[str(binding.var.name)] = Choice(strategy.name, reason)
    return choices


def set_strategies(choices: dict[str, Choice]) -> tvm.transform.Pass:
    """Return the pass that writes each choice into the attribute `strategy` of its call."""

    @tvm.transform.module_pass(opt_level=0, name="SetStrategies")
    def transform(module: tvm.IRModule, _context: tvm.transform.PassContext) -> tvm.IRModule:
        setter = _Setter(module, choices)
        setter.builder_.update_func(
            module.get_global_var("main"), setter.visit_expr(module["main"])
        )
        return setter.builder_.get()

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
        call = self.visit_expr(binding.value)
        self.builder_.emit_normalized(
            relax.VarBinding(
                binding.var, self.builder_.normalize(with_strategy(call, choice.strategy))
            )
        )
