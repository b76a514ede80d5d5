"""The networks of the papers, as PyTorch modules with seeded, untrained weights.

Each factory here is a reference for the command line, as in `tvm_snn.zoo:resnet18`; `ZOO` lists
them with the input each expects. `from_authors` reads checkpoints of the sub-bit paper's code.
"""

from .authors_checkpoint import convert_authors_state, from_authors
from .group_alexnet import group_alexnet
from .group_net import group_net
from .registry import ZOO, ZooEntry, example_inputs
from .resnet import resnet18, resnet20, resnet34
from .vgg_small import vgg_small

__all__ = [
    "ZOO",
    "ZooEntry",
    "convert_authors_state",
    "example_inputs",
    "from_authors",
    "group_alexnet",
    "group_net",
    "resnet18",
    "resnet20",
    "resnet34",
    "vgg_small",
]
