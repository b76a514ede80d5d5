"""Gives each conv and dense layer of an imported module its name in the user's model."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import tvm
from tvm import relax

from ..relay_passes.layers import DENSE_OPERATOR, layer_bindings, operator_name, rename_bindings


class LayerName(NamedTuple):
    """A layer of the user's model."""

    kind: str
    """"conv" or "dense"."""
    name: str
    """Its name there, or "" when it has none."""


def name_layers(module: tvm.IRModule, layers: Sequence[LayerName]) -> tvm.IRModule:
    """Name the layers of `main` in order; convs and dense layers are counted apart.

    When the model has another number of layers of a kind than the module, the importer has added
    or merged some: then those of that kind are numbered conv1, conv2, ... instead of misnamed.
    """
    found = [(_kind(binding.value), binding.var) for binding in layer_bindings(module["main"])]
    names: dict[relax.Var, str] = {}
    for kind in ("conv", "dense"):
        variables = [var for found_kind, var in found if found_kind == kind]
        given = [layer.name for layer in layers if layer.kind == kind]
        if len(given) != len(variables):
            given = [""] * len(variables)
        names.update(zip(variables, given, strict=True))
    return set_layer_names(module, {var: names[var] for _, var in found})


def set_layer_names(module: tvm.IRModule, names: dict[relax.Var, str]) -> tvm.IRModule:
    """Rename the layers' variables; missing names become numbers, equal ones are told apart."""
    bindings = layer_bindings(module["main"])
    reserved = [str(parameter.name) for parameter in module["main"].params]
    wanted = [(_kind(binding.value), names.get(binding.var, "")) for binding in bindings]
    unique = _unique(wanted, reserved)
    renamed = {binding.var: name for binding, name in zip(bindings, unique, strict=True)}
    return rename_bindings(module, renamed)


def _kind(layer: relax.Call) -> str:
    return "dense" if operator_name(layer) == DENSE_OPERATOR else "conv"


def _unique(wanted: Iterable[tuple[str, str]], reserved: Iterable[str]) -> list[str]:
    """Return one name a layer: `name`, a second one `name_2`; `conv1`, `dense1` for ""."""
    taken = set(reserved)
    numbers = {"conv": 0, "dense": 0}
    result = []
    for kind, name in wanted:
        numbers[kind] += 1
        base = clean_name(name) or f"{kind}{numbers[kind]}"
        choice, copy = base, 1
        while choice in taken:
            copy += 1
            choice = f"{base}_{copy}"
        taken.add(choice)
        result.append(choice)
    return result


def clean_name(name: str) -> str:
    """Return a name without characters that would confuse a report or a file name."""
    return re.sub(r"[^0-9A-Za-z_.\-]+", "_", name).strip("_.")
