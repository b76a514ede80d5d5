"""The cleaning phase: from what an importer gives to what detection reads."""

import tvm
from tvm import relax

from .decompose_batch_norm import DecomposeBatchNorm
from .drop_straight_through import DropStraightThrough
from .fold_constants import FoldConstants
from .layers import layer_bindings, restore_layer_names
from .shrink_broadcasts import ShrinkBroadcasts
from .split_zero_weights import SplitZeroWeights

CLEAN: list[tvm.transform.Pass] = [
    # BatchNorm first: what it leaves are constants a channel.
    DecomposeBatchNorm(),
    # Before folding, which would otherwise meet biases expanded to the size of activations ...
    ShrinkBroadcasts(),
    FoldConstants(),
    # ... and after it, for full-size constants that the exporter or folding has made.
    ShrinkBroadcasts(),
    # Straight-through terms cancel only when both copies of f(x) are one variable.
    relax.transform.EliminateCommonSubexpr(),
    relax.transform.CanonicalizeBindings(),
    DropStraightThrough(),
    # Take out what is left of the soft functions.
    relax.transform.DeadCodeElimination(),
    relax.transform.CanonicalizeBindings(),
    # Last: whether data are signs shows when nothing straight-through is left.
    SplitZeroWeights(),
]
"""Passes in order. No pass renames the variable of a conv or dense layer, except that
CanonicalizeBindings may give it the name of the output it is bound to: see :func:`clean`."""


def clean(module: tvm.IRModule) -> tvm.IRModule:
    """Run :data:`CLEAN` on an imported module, keeping the layers' names.

    Afterwards there is no BatchNorm of constant statistics, no constant subgraph, no constant
    larger than broadcasting needs, no straight-through residue on sign activations, and no zero
    among weights of +1 and -1 on these.
    """
    for step in CLEAN:
        names = [binding.var.name for binding in layer_bindings(module["main"])]
        module = restore_layer_names(step(module), names)
    return module
