"""Lowering of operators to kernels, in the form that Relax's LegalizeOps takes."""

from collections.abc import Callable

from tvm import relax
from tvm.target import Target

from ..errors import ModelError, TargetError
from ..ops import LAYERS
from ..target import Features, features_of
from ..tvm_api import attrs_dict
from .config import config_of
from .dense_float.matmul import legalize_matmul
from .dense_float.pooling import legalize_avg_pool, legalize_max_pool
from .dense_float.strategy import legalize_conv2d
from .pack_signs import legalize as legalize_pack_signs
from .strategy import STRATEGIES, Strategy, choose


def legalize_call(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
    """Lower a call of one of our operators by the strategy that its attribute names.

    Without a name the cost model chooses. The target is the one in scope (`with target:`).
    Raises TargetError when there is none, and ModelError when the strategy does not exist, cannot
    compute the call or has no such configuration.
    """
    features = _current_features()
    return _strategy(call, features).legalize(bb, call, features)


def for_current_target(
    legalize: Callable[[relax.BlockBuilder, relax.Call, Features], relax.Expr],
) -> Callable[[relax.BlockBuilder, relax.Call], relax.Expr]:
    """Return the legalization for the target that is in scope when a call is lowered."""
    return lambda bb, call: legalize(bb, call, _current_features())


LEGALIZATIONS: dict[str, Callable[[relax.BlockBuilder, relax.Call], relax.Expr]] = {
    **dict.fromkeys(LAYERS, legalize_call),
    "snn.pack_signs": for_current_target(legalize_pack_signs),
    "relax.nn.conv2d": for_current_target(legalize_conv2d),
    "relax.matmul": for_current_target(legalize_matmul),
    "relax.nn.max_pool2d": for_current_target(legalize_max_pool),
    "relax.nn.avg_pool2d": for_current_target(legalize_avg_pool),
}
"""What to hand to LegalizeOps: our operators, and the operators that run faster our way."""


def _current_features() -> Features:
    target = Target.current(allow_none=True)
    if target is None:
        raise TargetError(
            "Operators are lowered for a target, but none is in scope. "
            "Run LegalizeOps inside `with target:`."
        )
    return features_of(target)


def _strategy(call: relax.Call, features: Features) -> Strategy:
    name = attrs_dict(call).get("strategy", "")
    if not name:
        return choose(call, features)[0]
    if name not in STRATEGIES:
        raise ModelError(
            f"{call.op.name} asks for the strategy {name!r}; known are {', '.join(STRATEGIES)}."
        )
    strategy = STRATEGIES[name]
    obstacle = strategy.obstacle(call, features)
    if obstacle is not None:
        raise ModelError(f"The strategy {name} cannot compute a {call.op.name}: {obstacle}.")
    fault = strategy.fault(call, features, config_of(call))
    if fault is not None:
        raise ModelError(f"The configuration of a {call.op.name} {fault}.")
    return strategy
