"""Gather layers on the accelerator into regions, each computed in one program.

A layer joins the region that makes its signs, unless the region would then wait for itself: where
the processor, or another region, makes of its results what one of its layers reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tvm import relax

from ..target.vta.codegen.layer import OUTSIDE, Layer
from ..target.vta.isa.instruction_set import Plane
from .trunk_epilogue import Bindings, Readers


@dataclass(frozen=True)
class Input:
    """A tensor that a region takes from the processor."""

    tensor: str
    """Its variable in the network."""
    layer: str
    form: str
    """"image" or "residual"."""


@dataclass(frozen=True)
class Result:
    """A tensor that a region hands to the processor."""

    tensor: str
    """Its variable in the network."""
    layer: str
    form: str
    """"accumulator" (sums, int32), "trunk" (int16) or "activations" (signs, int8)."""


@dataclass(frozen=True)
class Region:
    """Convolutions that the accelerator computes in one program."""

    layers: tuple[Layer, ...]
    inputs: tuple[Input, ...]
    """The image of the first layer, and residuals."""
    results: tuple[Result, ...]


@dataclass(eq=False)
class Node:
    """One layer on the accelerator, and what belongs to it in the network."""

    var: relax.Var
    """Its sums."""
    layer: Layer
    image: relax.Var
    image_from: relax.Var | None = None
    """The layer that makes its image of signs, if the accelerator can."""
    trunk: relax.Var | None = None
    residual: relax.Var | None = None
    signs: relax.Var | None = None
    """What it makes for others to read as their image."""
    inside: set[relax.Var] = field(default_factory=set)
    """All variables that the accelerator computes with it."""

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name


def gather_regions(
    nodes: Mapping[relax.Var, Node], bindings: Bindings, readers: Readers
) -> tuple[Region, ...]:
    """Return the regions of all layers, `nodes` being in the network's order."""
    return tuple(_Gatherer(nodes, bindings, readers).regions())


class _Gatherer:
    def __init__(
        self, nodes: Mapping[relax.Var, Node], bindings: Bindings, readers: Readers
    ) -> None:
        self._nodes, self._bindings, self._readers = nodes, bindings, readers
        self._members: list[list[Node]] = []
        self._region: dict[relax.Var, int] = {}
        self._owner = {var: node for node in nodes.values() for var in node.inside}

    def regions(self) -> Iterator[Region]:
        for node in self._nodes.values():
            self._place(node)
        for number, members in enumerate(self._members):
            yield self._finished(number, members)

    def _place(self, node: Node) -> None:
        source = node.image_from
        if source is not None and self._joins(node, self._region[source]):
            return
        self._region[node.var] = len(self._members)
        self._members.append([node])

    def _joins(self, node: Node, number: int) -> bool:
        """Add a layer to a region; return False, and leave it out, where there were a circle."""
        self._region[node.var] = number
        self._members[number].append(node)
        waiting = [var for var, _ in self._inputs(number)]
        seen: set[relax.Var] = set()
        while waiting:
            var = waiting.pop()
            if var in seen:
                continue
            seen.add(var)
            owner = self._owner.get(var)
            if owner is None or owner.var not in self._region:
                value = self._bindings.get(var)
                waiting.extend(relax.analysis.free_vars(value) if value is not None else ())
            elif self._region[owner.var] == number:
                self._members[number].pop()
                del self._region[node.var]
                return False
            else:
                waiting += [var for var, _ in self._inputs(self._region[owner.var])]
        return True

    def _inputs(self, number: int) -> Iterator[tuple[relax.Var, Input]]:
        """Yield what a region takes from outside."""
        for node in self._members[number]:
            if not self._within(node.image_from, number):
                yield node.image, Input(str(node.image.name), node.name, "image")
            if node.residual is not None and not self._within(self._maker(node), number):
                yield node.residual, Input(str(node.residual.name), node.name, "residual")

    def _maker(self, node: Node) -> relax.Var | None:
        """Return the layer whose trunk is a layer's residual, if the accelerator makes it."""
        owner = self._owner.get(node.residual) if node.residual is not None else None
        return owner.var if owner is not None and _same(owner.trunk, node.residual) else None

    def _within(self, var: relax.Var | None, number: int) -> bool:
        return var is not None and self._region.get(var) == number

    def _finished(self, number: int, members: Sequence[Node]) -> Region:
        ordered = _sorted(members, {node.var: self._maker(node) for node in members})
        return Region(
            layers=tuple(self._layer(node, number) for node in ordered),
            inputs=tuple(one for _, one in self._inputs(number)),
            results=tuple(one for node in ordered for one in self._results(node, number)),
        )

    def _layer(self, node: Node, number: int) -> Layer:
        """Return a layer with what it reads and makes in its region."""
        plane, residual = node.layer.plane, None
        if node.trunk is not None and not self._is_residual(node):
            plane = Plane.TRUNK if self._leaves(node.trunk, number) else Plane.NONE
        if node.residual is not None:
            residual = self._named(self._maker(node), number)
        return replace(
            node.layer,
            plane=plane,
            exported=self._leaves(node.signs, number),
            image=self._named(node.image_from, number),
            residual=residual,
        )

    def _named(self, var: relax.Var | None, number: int) -> str:
        return str(var.name) if var is not None and self._within(var, number) else OUTSIDE

    def _results(self, node: Node, number: int) -> Iterator[Result]:
        if node.trunk is None and node.layer.plane is Plane.ACCUMULATOR:
            yield Result(str(node.var.name), node.name, "accumulator")
        if node.trunk is not None and self._leaves(node.trunk, number):
            yield Result(str(node.trunk.name), node.name, "trunk")
        if node.signs is not None and self._leaves(node.signs, number):
            yield Result(str(node.signs.name), node.name, "activations")

    def _is_residual(self, node: Node) -> bool:
        return any(_same(self._maker(other), node.var) for other in self._nodes.values())

    def _leaves(self, var: relax.Var | None, number: int) -> bool:
        """Tell whether anything outside of a region reads what it computes."""
        return var is not None and any(
            not self._takes(reader, var, number) for reader in self._readers[var]
        )

    def _takes(self, reader: relax.Var | None, var: relax.Var, number: int) -> bool:
        owner = self._owner.get(reader) if reader is not None else None
        if owner is None or self._region[owner.var] != number:
            return False
        # As its image or residual from within, or on the way to its own signs.
        as_image = _same(owner.image, var) and self._within(owner.image_from, number)
        as_residual = _same(owner.residual, var) and self._within(self._maker(owner), number)
        return as_image or as_residual or _same(owner.trunk, var)


def _same(some: relax.Var | None, other: relax.Var | None) -> bool:
    return some is not None and other is not None and some.same_as(other)


def _sorted(members: Sequence[Node], makers: Mapping[relax.Var, relax.Var | None]) -> list[Node]:
    """Return layers with those whose signs or trunks they read before them."""
    found: list[Node] = []
    left = list(members)
    while left:
        waiting = {node.var for node in left}
        ready = next(
            node
            for node in left
            if node.image_from not in waiting and makers[node.var] not in waiting
        )
        found.append(ready)
        left.remove(ready)
    return found
