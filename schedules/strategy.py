"""What a strategy is."""

from collections.abc import Callable
from dataclasses import dataclass

from tvm import relax

from ..target import Features


@dataclass(frozen=True)
class Strategy:
    """One way to compute the binary and sub-bit operators."""

    name: str
    obstacle: Callable[[relax.Call, Features], str | None]
    """Why this strategy cannot compute a call on a target, or None when it can."""
    legalize: Callable[[relax.BlockBuilder, relax.Call, Features], relax.Expr]
    """Emits the packing of the weights, as calls that depend on weights only, so that
    LiftTransformParams moves them to load time; then the kernel (see `emit`)."""
    operations: Callable[[relax.Call, Features], float]
    """Vector instructions of the kernel by static count: the cost model."""
