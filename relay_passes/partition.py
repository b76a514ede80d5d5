"""Decide which layers the accelerator computes, and which of them without the processor between.

A region is a tree of convolutions: one reads an image of signs from the processor, the others the
signs of the one before. Signs are made on the accelerator where thresholds on the integer sums
give exactly those of the network's float epilogue; everywhere else the sums go back to the
processor, which goes on in float32. So nothing here changes what a network computes.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import tvm
from tvm import relax

from ..ops import LAYERS
from ..target.vta.codegen.layer import Epilogue, Layer
from ..target.vta.configuration import Configuration
from ..target.vta.isa.instruction_set import Plane, Vector
from .accelerator_layer import accelerator_layer
from .layers import operator_name, var_bindings
from .sign_thresholds import Thresholds, elementwise_between, find_thresholds

_TAPS = {True: 9, False: 1}


@dataclass(frozen=True)
class Result:
    """A tensor that a region hands to the processor."""

    tensor: str
    """Its variable in the network."""
    layer: str
    vectors: bool
    """Signs (int8), or else sums (int32)."""


@dataclass(frozen=True)
class Region:
    """Convolutions that the accelerator computes in one program."""

    layers: tuple[Layer, ...]
    """The first one's image comes from outside."""
    image: str
    """The variable of the network that is this image."""
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Partition:
    """What is computed where."""

    regions: tuple[Region, ...]
    reasons: Mapping[str, str]
    """By layer of our operators: "on accelerator ..." or "on CPU: because ..."."""

    @property
    def layers(self) -> frozenset[str]:
        """The layers on the accelerator."""
        return frozenset(layer.name for region in self.regions for layer in region.layers)


def partition(module: tvm.IRModule, hardware: Configuration) -> Partition:
    """Divide a network, channels-last and with unique names, between accelerator and processor."""
    return _Partitioner(module["main"], hardware).partition()


class _Partitioner:
    def __init__(self, main: relax.Function, hardware: Configuration) -> None:
        self._hardware = hardware
        self._bindings = {binding.var: binding.value for binding in var_bindings(main)}
        self._readers: dict[relax.Var, list[relax.Var | None]] = defaultdict(list)
        for var, value in self._bindings.items():
            for used in relax.analysis.free_vars(value):
                self._readers[used].append(var)
        for used in relax.analysis.free_vars(main.body.body):
            self._readers[used].append(None)
        self._layers: dict[relax.Var, Layer] = {}
        self._reasons: dict[str, str] = {}
        # By layer that makes signs: the variable that they are in the network.
        self._signs: dict[relax.Var, relax.Var] = {}
        self._inside: dict[relax.Var, list[relax.Var]] = {}

    def partition(self) -> Partition:
        for var, value in self._bindings.items():
            if operator_name(value) in LAYERS:
                self._place(var, value)
        for var in list(self._layers):
            self._chain(var)
        regions = tuple(self._regions())
        return Partition(regions, self._reasons)

    def _place(self, var: relax.Var, call: relax.Call) -> None:
        name = str(var.name)
        found = accelerator_layer(name, call, self._hardware)
        if isinstance(found, str):
            self._reasons[name] = f"on CPU: because {found}"
            return
        self._layers[var] = found
        self._reasons[name] = "on accelerator; its sums go to the CPU"

    def _chain(self, var: relax.Var) -> None:
        """Let a layer read the signs of the one before it where that is exact."""
        layer, data = self._layers[var], self._bindings[var].args[0]
        if layer.unit_vectors != 1:
            return
        source, inside = self._source(data)
        if source is None or not self._signs.get(source, data).same_as(data):
            return
        if source not in self._signs:
            reason = self._make_signs(source, data, inside)
            if reason is not None:
                self._reasons[str(source.name)] += f": because {reason}"
                return
        self._layers[var] = replace(layer, image=str(source.name))

    def _source(self, data: relax.Var) -> tuple[relax.Var | None, list[relax.Var]]:
        """Return the layer on the accelerator of whose sums alone `data` is made, and how."""
        for source in self._sources(data):
            inside = elementwise_between(source, data, self._bindings)
            if inside is not None:
                return source, inside
        return None, []

    def _sources(self, data: relax.Var) -> Iterator[relax.Var]:
        """Yield the nearest layers on the accelerator that `data` is made of."""
        seen, waiting = set(), [data]
        while waiting:
            var = waiting.pop()
            if var in self._layers:
                yield var
            elif var in self._bindings and var not in seen:
                seen.add(var)
                waiting.extend(relax.analysis.free_vars(self._bindings[var]))

    def _make_signs(
        self, source: relax.Var, data: relax.Var, inside: list[relax.Var]
    ) -> str | None:
        """Let a layer make signs; return why it cannot."""
        owned = {source, *inside}
        for var in owned - {data}:
            if any(reader not in owned for reader in self._readers[var]):
                return "its results are also used as floats"
        layer = self._layers[source]
        largest = layer.channels * _TAPS[layer.window_rows == 3]
        found = find_thresholds(source, inside, self._bindings, largest)
        if not isinstance(found, Thresholds):
            return found
        epilogue = Epilogue(affine=True, clip=found.clip, parameters=found.parameters)
        exported = any(not self._reads_on_accelerator(reader) for reader in self._readers[data])
        self._layers[source] = replace(
            layer, epilogue=epilogue, plane=Plane.NONE, vector=Vector.SIGN, exported=exported
        )
        self._signs[source] = data
        self._inside[source] = inside
        self._reasons[str(source.name)] = "on accelerator, its signs by exact thresholds, too"
        return None

    def _reads_on_accelerator(self, reader: relax.Var | None) -> bool:
        """Tell whether a reader of signs is a layer that takes them as they were made."""
        layer = self._layers.get(reader) if reader is not None else None
        return layer is not None and layer.unit_vectors == 1

    def _regions(self) -> Iterator[Region]:
        """Yield trees of layers, each from its root on."""
        by_name = {str(var.name): var for var in self._layers}
        members: dict[str, list[str]] = {}
        root: dict[str, str] = {}
        for name, var in by_name.items():
            before = self._layers[var].image
            root[name] = root[before] if before else name
            members.setdefault(root[name], []).append(name)
        for names in members.values():
            variables = [by_name[name] for name in names]
            yield Region(
                tuple(self._layers[var] for var in variables),
                str(self._bindings[variables[0]].args[0].name),
                tuple(self._results(variables)),
            )

    def _results(self, variables: list[relax.Var]) -> Iterator[Result]:
        for var in variables:
            layer = self._layers[var]
            if layer.vector is Vector.NONE:
                yield Result(str(var.name), layer.name, False)
            elif layer.exported:
                yield Result(str(self._signs[var].name), layer.name, True)
