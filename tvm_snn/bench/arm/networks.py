"""Whole networks as C programs, counted under qemu and timed by llvm-mca's model."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ...c_runtime import export_c
from ...compiler import build, detect
from ...zoo import example_inputs
from ..cases import Case
from .blocks import count_blocks
from .emulate import compile_program
from .machines import Machine
from .model import Estimate, estimate
from .standalone import input_bytes

_PROGRAM = Path(__file__).with_name("count_network.c")
CASES = (Case("resnet18", "W1A1", 1, (4, 5)), Case("resnet18", "W1A32", 1))


@dataclass(frozen=True)
class CountedNetwork:
    """A network, counted and modelled."""

    name: str
    estimate: Estimate


def networks(machine: Machine) -> Iterator[CountedNetwork]:
    """Compile the networks of CASES for a machine, run each once, and count."""
    for case in CASES:
        for tau in case.taus:
            yield CountedNetwork(f"{case.name}, tau = {tau}", _count(machine, case, tau))


def _count(machine: Machine, case: Case, tau: int | None) -> Estimate:
    image = example_inputs(case.network, case.batch)
    artifact = build(detect(case.model(tau), image), machine.target)
    data = input_bytes([tensor.numpy() for tensor in image])
    with TemporaryDirectory() as name:
        folder = Path(name)
        library = export_c(artifact, folder / "network.so")
        header = {"NETWORK_HEADER": f'"{library.header.name}"'}
        path = compile_program(machine, folder, _PROGRAM, header, library=library.static)
        return estimate(machine, count_blocks(machine, path, data))
