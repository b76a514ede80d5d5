"""The other engines, one a module, each giving contenders for layers and for whole networks.

`layer_contenders(layer, threads)` returns contenders by what they compute: "float32" and "int8"
convolutions, or "BNN W1A1"; `network_contenders(network, threads)` those for "float32" and "int8".
A module is imported only when its engine is installed.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from ..layers_of_resnet18 import Layer
from ..timing import Timed
from .exported import ExportedNetwork
from .without_amx import INT8_WITHOUT_AMX, WithoutAmx, has_amx

FLOAT32, INT8 = "float32", "int8"


class Peer(Protocol):
    """What a module of an engine offers."""

    NAME: str

    def layer_contenders(self, layer: Layer, threads: int) -> Mapping[str, Timed]:
        """Return the convolutions that the engine has for a layer."""

    def network_contenders(self, network: ExportedNetwork, threads: int) -> Mapping[str, Timed]:
        """Return the forms in which the engine runs a network."""


__all__ = [
    "FLOAT32",
    "INT8",
    "INT8_WITHOUT_AMX",
    "Peer",
    "installed",
    "missing",
]

_ENGINES = ("onnxruntime", "openvino", "torch")


def installed() -> list[Peer]:
    """Return the engines that are installed; on a machine with AMX, one of them without it, too."""
    names = [name for name in _ENGINES if find_spec(name)]
    peers = [cast(Peer, import_module(f".{name}", __name__)) for name in names]
    return [*peers, WithoutAmx()] if "openvino" in names and has_amx() else peers


def missing() -> list[str]:
    """Return the packages of engines that are not installed."""
    return [name for name in _ENGINES if not find_spec(name)]
