"""`python -m tvm_snn.bench.arm`: kernels for ARM, counted under qemu and timed by llvm-mca."""

import subprocess
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from ...schedules.operation import KERNELS
from ...version import __version__
from ..layers_of_resnet18 import Layer, layers_named
from ..results import write_results
from ..table import Table
from .inner_loops import LoopRow, loop_rows, loop_table
from .kernels import KINDS, baselines, ours
from .machines import MACHINES, Machine
from .networks import networks
from .report import NetworkRow, Row, network_table, tables
from .tools import llvm_tool


@click.command("arm")
@click.option("--layers", default="all", show_default=True, help='As in "64@56,256@14", or "all".')
@click.option(
    "--cpu",
    "cpus",
    type=click.Choice(list(MACHINES)),
    multiple=True,
    default=["cortex-a72"],
    show_default=True,
    help="Processors; may be given several times.",
)
@click.option("--networks", "whole", is_flag=True, help="Whole networks instead of layers.")
@click.option(
    "--inner-loops",
    "loops",
    is_flag=True,
    help="Loops written by hand, with and without dot products, instead of layers.",
)
@click.option(
    "-o",
    "--output",
    default="benchmarks/results",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for arm.json and arm.md, or those of arm_networks or arm_inner_loops.",
)
def main(layers: str, cpus: tuple[str, ...], whole: bool, loops: bool, output: Path) -> None:
    """Count and model what the binary convolutions of ResNet-18 take on ARM processors.

    No board is measured: qemu counts how often each block of instructions runs, and llvm-mca times
    the blocks by its model of the processor. Needs qemu-user, llvm and gcc from Debian, and the
    package ziglang.
    """
    console = Console(markup=False, highlight=False)
    console.width = console.width if console.is_terminal else 160
    machines = [MACHINES[cpu] for cpu in cpus]
    rows: Sequence[Row | NetworkRow | LoopRow]
    if loops:
        name = "arm_inner_loops"
        rows = loop_rows()
        shown = [loop_table(rows)]
    elif whole:
        name = "arm_networks"
        rows, shown = _count_networks(console, machines)
    else:
        name = "arm"
        rows, shown = _count_layers(console, machines, layers_named(layers))
    for table in shown:
        console.print(table.rich())
    for path in write_results(output, name, _facts(), rows, shown):
        console.print(f"written: {path}")


def _count_layers(
    console: Console, machines: Sequence[Machine], layers: Sequence[Layer]
) -> tuple[list[Row], list[Table]]:
    rows: list[Row] = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("counting", total=len(machines) * len(layers) * (len(KINDS) + 1))
        for machine, layer in product(machines, layers):
            if machine.wide:
                rows += [Row.of(machine, layer.name, each) for each in baselines(layer, machine)]
            progress.advance(task)
            for kind in KINDS:
                progress.update(task, description=f"{machine.cpu} {layer.name} {kind.name}")
                rows += [Row.of(machine, layer.name, each) for each in ours(layer, kind, machine)]
                progress.advance(task)
    return rows, tables(rows)


def _count_networks(
    console: Console, machines: Sequence[Machine]
) -> tuple[list[NetworkRow], list[Table]]:
    rows, shown = [], []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("counting networks", total=len(machines))
        for machine in machines:
            counted = list(networks(machine))
            shown.append(network_table(machine, counted))
            for network in counted:
                taken = network.estimate
                cycles = None if taken.cycles is None else round(taken.cycles)
                rows.append(NetworkRow(machine.cpu, network.name, taken.instructions, cycles))
            progress.advance(task)
    return rows, shown


def _facts() -> dict[str, str]:
    """Return what made the figures."""
    said = subprocess.run(
        [llvm_tool("llvm-mca"), "--version"], capture_output=True, text=True, check=True
    )
    version = next(line.strip() for line in said.stdout.splitlines() if "version" in line)
    return {
        "measured": "nothing: cycles are modelled by llvm-mca, instructions counted by qemu",
        "llvm-mca": version,
        "tvm_snn": f"{__version__}, kernels {KERNELS}",
    }


if __name__ == "__main__":
    main()
