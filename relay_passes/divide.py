"""The layout phase of a network with an accelerator: who computes what comes between its two steps.

Layers on the accelerator read and make int8 signs; those left to the processor read packed words.
"""

from collections.abc import Mapping, Sequence

import tvm
from numpy.typing import NDArray

from ..ops import ACCELERATOR
from ..target.vta.configuration import Configuration
from .channels_last import ChannelsLast
from .choose_strategies import Choice, set_strategies
from .fixed_point_trunks import fixed_point_trunks
from .layers import var_bindings
from .name_bindings import name_bindings
from .pack_activations import PackActivations
from .partition import Partition, partition
from .split_levels import SplitLevels


def divide(
    module: tvm.IRModule,
    layers: Sequence[str],
    hardware: Configuration,
    samples: Sequence[NDArray] | None,
) -> tuple[tvm.IRModule, Partition]:
    """Lay out a rewritten network and divide it; every variable has a name of its own.

    `layers` are the names of all layers, which they keep. Layers on the accelerator have its
    strategy. Given `samples`, inputs of the network, residual trunks are computed in fixed point
    with as many bits of fraction as those leave room for; without, in float32 by the processor.
    """
    naming = name_bindings(frozenset(layers))
    named = tvm.transform.Sequential([ChannelsLast(), naming])(module)
    fractions: Mapping[str, int] = {}
    if samples is not None:
        found = fixed_point_trunks(named, hardware, samples)
        named, fractions = naming(found.module), found.fractions
    parts = partition(named, hardware, fractions)
    placed = {name: Choice(ACCELERATOR, parts.reasons[name]) for name in parts.layers}
    kept = frozenset(str(binding.var.name) for binding in var_bindings(named["main"]))
    after = [set_strategies(placed), SplitLevels(), PackActivations(), name_bindings(kept)]
    return tvm.transform.Sequential(after)(named), parts
