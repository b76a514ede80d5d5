"""Decide which layers the accelerator computes, and which of them without the processor between.

Signs are made on the accelerator where thresholds on the integer sums give exactly those of the
network's float epilogue, or where the network has its trunk in fixed point
(fixed_point_trunks.py); everywhere else the sums go back to the processor, which goes on in
float32. So nothing here changes what a network computes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from ..ops import LAYERS, fixed_point_trunk
from ..target.vta.codegen.layer import Epilogue
from ..target.vta.configuration import Configuration
from ..target.vta.isa.instruction_set import Plane, Vector
from ..tvm_api import attrs_dict
from .accelerator_layer import accelerator_layer, reads_levels
from .layers import operator_name, var_bindings
from .regions import Node, Region, gather_regions
from .sign_thresholds import Thresholds, elementwise_between, find_thresholds
from .trunk_epilogue import read_readers

_TAPS = {True: 9, False: 1}
_PARAMETERS = ("scale", "bias", "slope", "low", "high")


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


def partition(
    module: tvm.IRModule, hardware: Configuration, fractions: Mapping[str, int] | None = None
) -> Partition:
    """Divide a network, channels-last and with unique names, between accelerator and processor.

    `fractions` are the bits of fraction of layers with a trunk in fixed point.
    """
    return _Partitioner(module["main"], hardware, fractions or {}).partition()


class _Partitioner:
    def __init__(
        self, main: relax.Function, hardware: Configuration, fractions: Mapping[str, int]
    ) -> None:
        self._hardware, self._fractions = hardware, fractions
        self._bindings = {binding.var: binding.value for binding in var_bindings(main)}
        self._readers = read_readers(self._bindings, main.body.body)
        self._nodes: dict[relax.Var, Node] = {}
        self._reasons: dict[str, str] = {}

    def partition(self) -> Partition:
        for var, value in self._bindings.items():
            if operator_name(value) in LAYERS:
                self._place(var, value)
        for node in self._nodes.values():
            self._chain(node)
        return Partition(gather_regions(self._nodes, self._bindings, self._readers), self._reasons)

    def _place(self, var: relax.Var, call: relax.Call) -> None:
        name = str(var.name)
        found = accelerator_layer(name, call, self._hardware)
        if isinstance(found, str):
            self._reasons[name] = f"on CPU: because {found}"
            return
        node = self._nodes[var] = Node(var, found, call.args[0], inside={var})
        self._reasons[name] = "on accelerator; its sums go to the CPU"
        readers = self._readers[var]
        if len(readers) == 1 and readers[0] is not None:
            after = self._bindings[readers[0]]
            if operator_name(after) == fixed_point_trunk.name:
                self._take_trunk(node, readers[0], after)

    def _take_trunk(self, node: Node, trunk: relax.Var, call: relax.Call) -> None:
        """Let the accelerator compute the trunk that follows a layer."""
        constants = [argument.value.numpy() for argument in call.args[1:6]]
        given = {
            name: array.astype(np.int64) for name, array in zip(_PARAMETERS, constants, strict=True)
        }
        epilogue = Epilogue(
            affine=True,
            shift=int(attrs_dict(call)["shift"]),
            prelu=True,
            clip=True,
            parameters=given,
        )
        node.layer = replace(node.layer, epilogue=epilogue, plane=Plane.TRUNK)
        node.trunk = trunk
        node.residual = call.args[6] if len(call.args) > 6 else None
        node.inside.add(trunk)
        steps = self._fractions.get(node.name)
        self._reasons[node.name] = "on accelerator, its trunk in 16-bit fixed point" + (
            f", steps of 2^{-steps}: a quantisation, float32 with trunk='float32'"
            if steps is not None
            else ""
        )

    def _chain(self, node: Node) -> None:
        """Let a layer read the signs of the one before it where the accelerator can make them."""
        if node.layer.unit_vectors != 1 or reads_levels(self._bindings[node.var]):
            return
        found = self._trunk_of_signs(node.image)
        if found is not None:
            source, threshold, inside = found
            if source.signs is None:
                self._sign_trunk(source, node.image, threshold, inside)
        else:
            sums, between = self._source(node.image)
            if sums is None:
                return
            source = self._nodes[sums]
            reason = self._make_signs(source, node.image, between)
            if reason is not None:
                self._reasons[source.name] += f": because {reason}"
                return
        if source.signs is not None and source.signs.same_as(node.image):
            node.image_from = source.var

    def _trunk_of_signs(
        self, data: relax.Var
    ) -> tuple[Node, NDArray[np.int64], list[relax.Var]] | None:
        """Return of which trunk `data` are signs, less what threshold, and what lies between."""
        inside, var = [], data
        for wanted in ("relax.astype", "relax.sign", "relax.subtract"):
            value = self._bindings.get(var)
            if value is None or operator_name(value) != wanted:
                return None
            inside.append(var)
            var = value.args[0]
        threshold, wide = self._bindings[inside[-1]].args[1], self._bindings.get(var)
        if wide is None or operator_name(wide) != "relax.astype":
            return None
        if not isinstance(threshold, tvm.ir.GenericConst):
            return None
        for node in self._nodes.values():
            if node.trunk is not None and node.trunk.same_as(wide.args[0]):
                return node, threshold.value.numpy().reshape(-1).astype(np.int64), [*inside, var]
        return None

    def _sign_trunk(
        self,
        node: Node,
        signs: relax.Var,
        threshold: NDArray[np.int64],
        inside: list[relax.Var],
    ) -> None:
        """Let a layer make signs of its trunk."""
        epilogue = node.layer.epilogue
        parameters = {**epilogue.parameters, "threshold": threshold}
        node.layer = replace(
            node.layer, epilogue=replace(epilogue, parameters=parameters), vector=Vector.SIGN
        )
        node.signs = signs
        node.inside.update(inside)

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
            if var in self._nodes:
                yield var
            elif var in self._bindings and var not in seen:
                seen.add(var)
                waiting.extend(relax.analysis.free_vars(self._bindings[var]))

    def _make_signs(self, source: Node, data: relax.Var, inside: list[relax.Var]) -> str | None:
        """Let a layer make signs by thresholds on its sums; return why it cannot."""
        if source.signs is not None:
            return None
        owned = {source.var, *inside}
        for var in owned - {data}:
            if any(reader not in owned for reader in self._readers[var]):
                return "its results are also used as floats"
        if reads_levels(self._bindings[source.var]):
            return "it reads levels, of which sums are many: thresholds are looked for with signs"
        layer = source.layer
        largest = layer.channels * _TAPS[layer.window_rows == 3]
        found = find_thresholds(source.var, inside, self._bindings, largest)
        if not isinstance(found, Thresholds):
            return found
        epilogue = Epilogue(affine=True, clip=found.clip, parameters=found.parameters)
        source.layer = replace(layer, epilogue=epilogue, plane=Plane.NONE, vector=Vector.SIGN)
        source.signs = data
        source.inside.update(inside)
        self._reasons[source.name] = "on accelerator, its signs by exact thresholds, too"
        return None
