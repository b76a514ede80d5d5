"""`python -m tvm_snn.bench.arm`: kernels for ARM, counted under qemu and timed by llvm-mca."""

import subprocess
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from ...errors import SnnError
from ...schedules.operation import KERNELS
from ...version import __version__
from ..layers_of_resnet18 import Layer, layers_named
from ..llvm import llvm_tool
from ..options import output_option
from ..results import read_rows_of, write_results
from ..table import Table
from .hot_blocks import hot_block_tables, hot_blocks
from .inner_loops import loop_rows, loop_table
from .kernels import KINDS, baselines, ours
from .machines import MACHINES, Machine
from .networks import FORMS, count_network, networks_named
from .report import NetworkRow, Row, network_tables, tables


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
@click.option(
    "--networks",
    metavar="NAMES",
    help='Whole networks of the zoo instead of layers, as in "resnet20,vgg_small", or "all".',
)
@click.option(
    "--inner-loops",
    "loops",
    is_flag=True,
    help="Loops written by hand, with and without dot products, instead of layers.",
)
@click.option(
    "--hot-blocks",
    "hot",
    is_flag=True,
    help="What the busiest blocks of chosen kernels keep busy, in place of what layers take.",
)
@click.option("--resume", is_flag=True, help="Keep what an earlier run of this version counted.")
@output_option(
    "arm_CPU.json and .md, or those of arm_networks_CPU, arm_hot_blocks_CPU or arm_inner_loops"
)
def main(
    layers: str,
    cpus: tuple[str, ...],
    networks: str | None,
    loops: bool,
    hot: bool,
    resume: bool,
    output: Path,
) -> None:
    """Count and model what the binary convolutions of ResNet-18 take on ARM processors.

    No board is measured: qemu counts how often each block of instructions runs, and llvm-mca times
    the blocks by its model of the processor. Results are written after each layer or network.
    Needs qemu-user, llvm and gcc from Debian, and the package ziglang.
    """
    console = Console(markup=False, highlight=False)
    console.width = console.width if console.is_terminal else 160
    try:
        if loops:
            rows = loop_rows()
            shown = [loop_table(rows)]
            paths = write_results(output, "arm_inner_loops", _facts(), rows, shown)
            _show(console, shown, paths)
            return
        for machine in (MACHINES[cpu] for cpu in cpus):
            if networks is not None:
                names = networks_named(networks)
                _show(console, *_count_networks(console, machine, names, output, resume))
            elif hot:
                _show(console, *_find_hot_blocks(console, machine, layers_named(layers), output))
            else:
                chosen = layers_named(layers)
                _show(console, *_count_layers(console, machine, chosen, output, resume))
    except SnnError as error:
        raise click.ClickException(str(error)) from error


def _show(console: Console, shown: Sequence[Table], paths: Sequence[Path]) -> None:
    for table in shown:
        console.print(table.rich())
    for path in paths:
        console.print(f"written: {path}")


_Results = tuple[list[Table], list[Path]]


def _count_layers(
    console: Console,
    machine: Machine,
    layers: Sequence[Layer],
    output: Path,
    resume: bool,
) -> _Results:
    name = f"arm_{machine.cpu}"
    rows = read_rows_of(Row.from_data, output, name, _facts()) if resume else []
    there = {row.layer for row in rows}
    wanted = [layer for layer in layers if layer.name not in there]
    with _progress(console) as progress:
        task = progress.add_task("counting", total=len(wanted) * (len(KINDS) + 1))
        for layer in wanted:
            # There is no code by hand for 32 bits, with its half as many registers.
            if machine.wide:
                rows += [Row.of(machine, layer.name, each) for each in baselines(layer, machine)]
            progress.advance(task)
            for kind in KINDS:
                progress.update(task, description=f"{machine.cpu} {layer.name} {kind.name}")
                rows += [Row.of(machine, layer.name, each) for each in ours(layer, kind, machine)]
                progress.advance(task)
            write_results(output, name, _facts(), rows, tables(rows))
    return tables(rows), write_results(output, name, _facts(), rows, tables(rows))


def _count_networks(
    console: Console,
    machine: Machine,
    names: Sequence[str],
    output: Path,
    resume: bool,
) -> _Results:
    file = f"arm_networks_{machine.cpu}"
    rows = read_rows_of(NetworkRow.from_data, output, file, _facts()) if resume else []
    there = {(row.network, row.form) for row in rows}
    wanted = [pair for pair in product(names, FORMS) if (pair[0], pair[1].name) not in there]
    with _progress(console) as progress:
        task = progress.add_task("counting networks", total=len(wanted))
        for name, form in wanted:
            progress.update(task, description=f"{machine.cpu} {name}, {form.name}")
            rows.append(NetworkRow.of(machine, count_network(machine, name, form)))
            write_results(output, file, _facts(), rows, network_tables(rows))
            progress.advance(task)
    shown = network_tables(rows)
    return shown, write_results(output, file, _facts(), rows, shown)


def _find_hot_blocks(
    console: Console, machine: Machine, layers: Sequence[Layer], output: Path
) -> _Results:
    if machine.modelled_by is None:
        raise SnnError(f"llvm-mca has no model of the {machine.cpu} that works.")
    with _progress(console) as progress:
        rows = [
            block
            for layer in progress.track(layers, description="counting")
            for block in hot_blocks(layer, machine)
        ]
    shown = hot_block_tables(rows)
    return shown[:1], write_results(output, f"arm_hot_blocks_{machine.cpu}", _facts(), rows, shown)


def _progress(console: Console) -> Progress:
    return Progress(console=console, transient=True, disable=not console.is_terminal)


@cache
def _facts() -> dict[str, str]:
    """Return what made the figures."""
    said = subprocess.run(
        [llvm_tool("llvm-mca"), "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    version = next(line.strip() for line in said.stdout.splitlines() if "version" in line)
    return {
        "measured": "nothing: cycles are modelled by llvm-mca, instructions counted by qemu",
        "llvm-mca": version,
        "tvm_snn": f"{__version__}, kernels {KERNELS}",
    }


if __name__ == "__main__":
    main()
