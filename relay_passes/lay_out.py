"""The layout phase: from operators of binary layers to the form in which kernels hand on data."""

import tvm

from .channels_last import ChannelsLast
from .merge_branches import MergeBranches
from .pack_activations import PackActivations
from .slice_splits import SliceSplits
from .split_levels import SplitLevels

_SPLIT = SplitLevels()
LAYOUT: list[tvm.transform.Pass] = [
    MergeBranches(),
    # Slices are turned channels-last, tuples are not.
    SliceSplits(),
    ChannelsLast(),
    # Makes signs of few-bit levels, for packing.
    _SPLIT,
    # Of channels-last images only: the 64 channels of a word lie side by side.
    PackActivations(),
]
"""Passes in order. They keep the names of layers."""


def lay_out(module: tvm.IRModule, *, split_levels: bool = True) -> tvm.IRModule:
    """Run :data:`LAYOUT`: narrow layers that read one image become one, images channels-last, and
    signs between layers packed words.

    Layers whose strategy is the accelerator's keep int8 signs. Without `split_levels`, binary
    layers read levels as they are.
    """
    passes = [each for each in LAYOUT if split_levels or each is not _SPLIT]
    return tvm.transform.Sequential(passes)(module)
