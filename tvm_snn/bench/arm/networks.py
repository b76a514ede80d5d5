"""Whole networks as C programs, counted under qemu and timed by llvm-mca's model."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...c_runtime import export_c
from ...compiler import build, detect
from ...errors import SnnError
from ...zoo import ZOO, example_inputs
from .blocks import count
from .emulate import compile_program
from .machines import Machine
from .model import Estimate, estimate
from .standalone import input_bytes

_PROGRAM = Path(__file__).with_name("count_network.c")


@dataclass(frozen=True)
class Form:
    """What the weights and activations of a network's 3x3 layers are."""

    name: str
    options: dict[str, Any] = field(hash=False)
    """Those of the network's factory."""


POPCOUNT_FORM = Form("BNN W1A1 (counts bits)", {"tau": None, "activations": "W1A1"})
FLOAT_FORM = Form("BNN W1A32 (dense float32)", {"tau": None, "activations": "W1A32"})
FORMS = (
    POPCOUNT_FORM,
    Form("SNN W1A1, K = 32", {"tau": 5, "activations": "W1A1"}),
    Form("SNN W1A1, K = 16", {"tau": 4, "activations": "W1A1"}),
    Form("SNN W1A1, pairs, K = 16", {"tau": 4, "activations": "W1A1", "unit": 2}),
    FLOAT_FORM,
    Form("SNN W1A32, K = 32", {"tau": 5, "activations": "W1A32"}),
)
"""Weights of 1 bit are the baseline: no subset helps there."""
NETWORKS = "resnet18", "resnet34", "resnet20", "vgg_small"


@dataclass(frozen=True)
class CountedNetwork:
    """A network, counted and modelled."""

    network: str
    form: Form
    estimate: Estimate


def networks_named(names: str) -> list[str]:
    """Return the networks that a list such as "resnet18,vgg_small" names; "all" is NETWORKS.

    Raises SnnError for a name that is none of the zoo's.
    """
    if names == "all":
        return list(NETWORKS)
    unknown = [name for name in names.split(",") if name not in ZOO]
    if unknown:
        raise SnnError(f"There is no network {unknown[0]!r}; there are {', '.join(ZOO)}.")
    return names.split(",")


def count_network(machine: Machine, name: str, form: Form) -> CountedNetwork:
    """Compile a network of the zoo for a machine, run it, and count; caches are not simulated."""
    machine = replace(machine, cache=None)
    image = example_inputs(name)
    model = ZOO[name].factory(**form.options)
    artifact = build(detect(model, image), machine.target, executable=False)
    data = input_bytes([tensor.numpy() for tensor in image])
    with TemporaryDirectory() as folder:
        library = export_c(artifact, Path(folder) / "network.so")
        header = {"NETWORK_HEADER": f'"{library.header.name}"'}
        path = compile_program(machine, Path(folder), _PROGRAM, header, library=library.static)
        return CountedNetwork(name, form, estimate(machine, count(machine, path, data)))
