"""`python -m tvm_snn.bench.arm`: kernels for ARM, counted under qemu and timed by llvm-mca."""

import subprocess
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from ...schedules.operation import KERNELS
from ...version import __version__
from ..layers_of_resnet18 import layers_named
from .kernels import KINDS, baselines, ours
from .machines import MACHINES
from .report import Row, tables, write
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
@click.option(
    "-o",
    "--output",
    default="benchmarks/results",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for arm.json and arm.md.",
)
def main(layers: str, cpus: tuple[str, ...], output: Path) -> None:
    """Count and model what the binary convolutions of ResNet-18 take on ARM processors.

    No board is measured: qemu counts how often each block of instructions runs, and llvm-mca times
    the blocks by its model of the processor. Needs qemu-user, llvm and gcc from Debian, and the
    package ziglang.
    """
    console = Console(markup=False, highlight=False)
    console.width = console.width if console.is_terminal else 160
    rows: list[Row] = []
    chosen = layers_named(layers)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("counting", total=len(cpus) * len(chosen) * (len(KINDS) + 1))
        for machine in (MACHINES[cpu] for cpu in cpus):
            for layer in chosen:
                if machine.wide:
                    rows += [
                        Row.of(machine, layer.name, each) for each in baselines(layer, machine)
                    ]
                progress.advance(task)
                for kind in KINDS:
                    progress.update(task, description=f"{machine.cpu} {layer.name} {kind.name}")
                    found = ours(layer, kind, machine)
                    rows += [Row.of(machine, layer.name, counted) for counted in found]
                    progress.advance(task)
    for table in tables(rows):
        console.print(table.rich())
    for path in write(output, _facts(), rows):
        console.print(f"written: {path}")


def _facts() -> dict[str, str]:
    """Return what made the figures."""
    said = subprocess.run([llvm_tool("llvm-mca"), "--version"], capture_output=True, text=True)
    version = next(line.strip() for line in said.stdout.splitlines() if "version" in line)
    return {
        "measured": "nothing: instructions counted by qemu, cycles modelled by llvm-mca",
        "llvm-mca": version,
        "tvm_snn": f"{__version__}, kernels {KERNELS}",
    }


if __name__ == "__main__":
    main()
