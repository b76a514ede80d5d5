"""What holds our kernels on x86: their inner loops in assembly, and the ports these keep busy.

`python -m tvm_snn.bench.hot_loops` compiles layers of ResNet-18 as the other benchmarks do, takes
out the loop that adds responses up, and lets llvm-mca simulate it on its model of a processor,
which knows ports and latencies but no caches. Work is in (o,c): what one input channel adds to one
output of one pixel, nine products.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import tvm
from rich.console import Console
from rich.progress import track

from ..errors import SnnError
from ..target import features_of
from .arm.tools import llvm_tool
from .clock import clock_hertz
from .kernels import FLOAT_DATA, PAIRS_32, PAIRS_64, SINGLE, Kind, chosen_kernel
from .layers_of_resnet18 import Layer, layers_named
from .machine import machine
from .results import write_results
from .table import Table, code_table
from .targets import HOST, bench_targets

_MODEL = "sapphirerapids"
_TURNS, _SHOWN = 200, 4
_WARM, _TURN, _REPEATS = 0.01, 0.01, 60
"""Seconds that a kernel runs before it is timed, and while it is; and how often."""
_KINDS = (SINGLE, PAIRS_64, PAIRS_32, FLOAT_DATA)
_REGISTER_BYTES = {"x": 16, "y": 32, "z": 64}
_LOOKUP = r"vp(?:ermb|shufb)\s.*%([xyz])mm\d+$"
_GATHERS = {"b": 1, "w": 2, "s": 4}
"""Bytes of an element by the last letter of the instruction that adds it."""
_ADDS = r"v(?:padd|addp)([bws])\s+-?\d*\(.*\), %([xyz])mm\d+, %[xyz]mm\d+$"
_STORE, _SUMMED = r"^v?mov\S+\s+%[xyz]mm\d+, -?\d*\(", 3


@dataclass(frozen=True)
class HotLoop:
    """The loop of a kernel that adds responses up, by the model."""

    layer: str
    kind: str
    target: str
    strategy: str
    work: int
    """(o,c) of a turn."""
    instructions: tuple[str, ...]
    cycles: float
    """Of a turn."""
    ports: dict[str, float]
    """Cycles of a turn that each port works for, those of the busiest first."""
    turns: float
    """Turns that the layer takes at least."""
    measured: float
    """Cycles of the whole layer on this machine."""

    @property
    def share(self) -> float:
        """Share of the layer's time that the loop takes, if it runs as modelled."""
        return self.turns * self.cycles / self.measured


def hot_loop(layer: Layer, kind: Kind, name: str, target: tvm.target.Target) -> HotLoop:
    """Compile a layer for a target and return its hot loop.

    Raises SnnError when there is no llvm-mca, or it does not know the loop's instructions.
    """
    kernel = chosen_kernel(layer, kind, target)
    loop, responses = busiest(inner_loops("\n".join(_assembly(kernel.library))), kernel.strategy)
    work = responses * kind.unit
    cycles, ports = _model(loop)
    kernel.contender.turn(_WARM)
    fastest = min(kernel.contender.turn(_TURN) for _ in range(_REPEATS))
    size = -(-layer.size // layer.stride)
    all_work = layer.channels * layer.outputs * size * size
    return HotLoop(
        layer.name,
        kind.name,
        name,
        kernel.strategy,
        work,
        tuple(loop),
        cycles,
        ports,
        all_work / work,
        fastest * 1e-6 * clock_hertz(),
    )


def inner_loops(text: str) -> list[list[str]]:
    """Return the bodies of all loops of an assembly that have no label inside, without the jump."""
    text = re.sub(r"^(\.Ltmp\d+:|\s+\.loc\s.*)\n", "", text, flags=re.MULTILINE)
    pattern = re.compile(r"^(\.L\w+):\n((?:(?!\.L\w+:).*\n)*?)\s+j\w+\s+\1$", re.MULTILINE)
    bodies = (match.group(2).splitlines() for match in pattern.finditer(text))
    return [[line.strip().replace("\t", " ") for line in body] for body in bodies]


def _assembly(module: tvm.runtime.Module) -> Iterator[str]:
    if module.kind == "llvm":
        yield module.inspect_source("asm")
    for imported in module.imports:
        yield from _assembly(imported)


def busiest(loops: Sequence[list[str]], strategy: str) -> tuple[list[str], int]:
    """Return the loop with the most responses, and how many it adds in a turn."""
    count = _looked_up if strategy == "subset_lookup" else _gathered
    loop = max(loops, key=count, default=[])
    responses = count(loop)
    if not responses:
        raise SnnError(f"The code of {strategy} has no loop that adds responses up.")
    return loop, responses


def _looked_up(loop: Sequence[str]) -> int:
    """Return the responses that a loop looks up, for each unit, output and pixel one."""
    added = [line for line in loop if line.startswith("vpaddusb")]
    found = [match for line in loop if (match := re.search(_LOOKUP, line))]
    if not added or not found:
        return 0
    size = _REGISTER_BYTES[found[0][1]]
    # Of two shuffles for one response, one gives 0; entries of two pixels are put together by one.
    steps = 1 if "vpermb" in found[0].string else 2
    shared = any(line.startswith(("vpternlog", "vpor")) for line in loop)
    return len(found) // steps * size * (2 if shared else 1)


def _gathered(loop: Sequence[str]) -> int:
    """Return the responses that a loop adds from memory.

    Loops that make responses add from memory, too, but store each sum of three.
    """
    found = [match for line in loop if (match := re.search(_ADDS, line))]
    if len(found) <= _SUMMED * sum(bool(re.search(_STORE, line)) for line in loop):
        return 0
    return sum(_REGISTER_BYTES[match[2]] // _GATHERS[match[1]] for match in found)


def _model(loop: Sequence[str]) -> tuple[float, dict[str, float]]:
    """Return the cycles of a turn, and those that each port works in it, by llvm-mca."""
    command = [llvm_tool("llvm-mca"), "-mtriple=x86_64-linux-gnu", f"-mcpu={_MODEL}"]
    command += [f"-iterations={_TURNS}", "-json"]
    source = "\n".join(loop) + "\n"
    result = subprocess.run(
        command, input=source, capture_output=True, text=True, check=False, timeout=60
    )
    if result.returncode:
        raise SnnError(f"llvm-mca does not take this code: {result.stderr[:2000]}")
    data = json.loads(result.stdout)
    (region,) = data["CodeRegions"]
    names = data["TargetInfo"]["Resources"]
    ports: dict[str, float] = {}
    for entry in region["ResourcePressureView"]["ResourcePressureInfo"]:
        if entry["InstructionIndex"] == len(loop):
            ports[names[entry["ResourceIndex"]]] = round(entry["ResourceUsage"], 2)
    busiest = dict(sorted(ports.items(), key=lambda item: -item[1]))
    return region["SummaryView"]["TotalCycles"] / _TURNS, busiest


def ports_table(loops: Sequence[HotLoop]) -> Table:
    """Return what the loops do a cycle, and the ports they keep busy."""
    table = Table(
        "Inner loops by llvm-mca, and whole layers as measured",
        [
            "layer",
            "kind",
            "target",
            "strategy",
            "(o,c) a turn",
            "cycles a turn",
            "busiest ports",
            "(o,c) a cycle, loop",
            "(o,c) a cycle, layer",
            "share of the loop",
        ],
        note="Cycles of a turn are those of the model, which has no caches; cycles of a layer are "
        "its time alone on this machine, from packed signs or floats to floats, in the fastest of "
        "sixty turns, at the clock that a chain of known instructions shows right after it.",
    )
    for loop in loops:
        ports = [f"{name} {cycles:.1f}" for name, cycles in list(loop.ports.items())[:_SHOWN]]
        table.rows.append(
            [
                loop.layer,
                loop.kind,
                loop.target,
                loop.strategy,
                str(loop.work),
                f"{loop.cycles:.1f}",
                ", ".join(ports),
                f"{loop.work / loop.cycles:.1f}",
                f"{loop.work * loop.turns / loop.measured:.1f}",
                f"{loop.share:.0%}",
            ]
        )
    return table


def code_tables(loops: Sequence[HotLoop]) -> list[Table]:
    """Return the instructions of each loop."""
    return [
        code_table(f"{loop.layer}, {loop.kind}, {loop.target}: {loop.strategy}", loop.instructions)
        for loop in loops
    ]


@click.command("hot-loops")
@click.option(
    "--layers",
    default="64@56,256@14,512@7",
    show_default=True,
    help='As in "64@56,256@14", or "all".',
)
@click.option(
    "-o",
    "--output",
    default="benchmarks/results",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for x86_hot_loops.json and x86_hot_loops.md.",
)
def main(layers: str, output: Path) -> None:
    """Show the inner loops of our kernels, and the ports that they keep busy.

    Those of binary and of float activations for AVX-512, and those of single units for AVX2.
    Needs llvm-mca from Debian's package llvm, 17 or newer.
    """
    console = Console(markup=False, highlight=False)
    console.width = console.width if console.is_terminal else 160
    cases = [
        (layer, kind, name, target)
        for name, target in bench_targets(HOST).items()
        for kind in (_KINDS if features_of(target).vector_bits == 512 else _KINDS[:1])
        for layer in layers_named(layers)
    ]
    loops = [hot_loop(*case) for case in track(cases, "compiling", console=console, transient=True)]
    console.print(ports_table(loops).rich())
    tables = [ports_table(loops), *code_tables(loops)]
    for path in write_results(output, "x86_hot_loops", machine(), loops, tables):
        console.print(f"wrote {path}")


if __name__ == "__main__":
    main()
