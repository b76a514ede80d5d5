"""What a strategy is, the table of all of them, and the choice among them.

A strategy is a module with NAME, `obstacle`, `legalize`, `cycles` and `remark`, and with `space`
where it has knobs (see `Strategy`), listed in STRATEGIES. Its kernel is `planes` (or another way
to read the data), a core in TVMScript and a plain rearrangement of the result; the tests in
tests/schedules run every strategy listed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tvm import relax

from ..ops import LAYERS
from ..target import Features
from . import dense_float, dot_products, subset_gather, subset_lookup, xnor_popcount


@dataclass(frozen=True)
class Strategy:
    """One way to compute the binary and sub-bit operators."""

    name: str
    obstacle: Callable[[relax.Call, Features], str | None]
    """Why this strategy cannot compute a call on a target, or None when it can."""
    legalize: Callable[[relax.BlockBuilder, relax.Call, Features], relax.Expr]
    """Emits the packing of the weights, as calls that depend on weights only, so that
    LiftTransformParams moves them to load time; then the kernel (see `emit`)."""
    cycles: Callable[[relax.Call, Features], float]
    """Cycles on one core by a count of vector instructions: the cost model. A rough figure, good
    for comparing strategies and for nothing else."""
    remark: Callable[[relax.Call], str]
    """What speaks for the strategy at this call, in a few words."""
    space: Callable[[relax.Call, Features], dict[str, tuple[int, ...]]]
    """The knobs and the values that each may have at this call. Every combination is valid; a
    call without a configuration (see `config`) has the strategy's own choice."""

    def fault(self, call: relax.Call, features: Features, config: Mapping[str, int]) -> str | None:
        """Return why a configuration does not fit a call, or None when it does.

        It gives a value to every knob, or to none.
        """
        space = self.space(call, features)
        if config and set(config) != set(space):
            return f"has the knobs {_names(config)}; {self.name} has {_names(space)} here"
        for knob, value in config.items():
            if value not in space[knob]:
                options = ", ".join(map(str, space[knob]))
                return f"sets {knob} to {value}; {self.name} has {options} here"
        return None


def _no_knobs(_call: relax.Call, _features: Features) -> dict[str, tuple[int, ...]]:
    return {}


def _names(knobs: Mapping[str, object]) -> str:
    return ", ".join(sorted(knobs)) or "none"


STRATEGIES: dict[str, Strategy] = {
    module.NAME: Strategy(
        module.NAME,
        module.obstacle,
        module.legalize,
        module.cycles,
        module.remark,
        getattr(module, "space", _no_knobs),
    )
    for module in (subset_lookup, subset_gather, xnor_popcount, dot_products, dense_float)
}


def candidates(call: relax.Call, features: Features) -> list[Strategy]:
    """Return the strategies that can compute a call of one of our operators, the best first."""
    able = [strategy for strategy in STRATEGIES.values() if not strategy.obstacle(call, features)]
    return sorted(able, key=lambda strategy: strategy.cycles(call, features))


def choose(call: relax.Call, features: Features) -> tuple[Strategy, str]:
    """Return the strategy for a call by the cost model, and the reason as a sentence."""
    if call.op.name not in LAYERS:
        raise ValueError(f"{call.op.name} is not an operator of this project.")
    best, *others = candidates(call, features)
    if not others:
        return best, f"{best.remark(call)}; no other strategy computes it"
    costs = ", ".join(
        f"{strategy.name} {_thousands(strategy.cycles(call, features))}"
        for strategy in (best, *others)
    )
    return best, f"{best.remark(call)} (cycles estimated: {costs})"


def _thousands(cycles: float) -> str:
    return f"{cycles / 1000:,.0f}k" if cycles >= 10_000 else f"{cycles:.0f}"
