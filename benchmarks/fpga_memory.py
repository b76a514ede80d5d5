"""Run layers of ResNet-18 on the accelerator's RTL beside memories of many kinds.

    python benchmarks/fpga_memory.py

Everything goes through the driver, as on a board: programs are loaded, run and read back, and the
results compared with plain convolution. Prints how many cycles a layer takes with each memory, as
a ratio to the best one, and writes fpga-pynq-z2-memory.json and .md.
"""

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from tvm_snn.bench.fpga.reference import expected_planes
from tvm_snn.bench.results import write_results
from tvm_snn.bench.table import Table
from tvm_snn.errors import VerificationError
from tvm_snn.progress import phase
from tvm_snn.target.vta.codegen.generate import Program, generate
from tvm_snn.target.vta.codegen.layer import Layer
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.driver import Accelerator
from tvm_snn.target.vta.isa.encoding import encode
from tvm_snn.target.vta.isa.instruction_set import Plane
from tvm_snn.target.vta.simulator.rtl_device import RtlDevice
from tvm_snn.target.vta.simulator.simulation import MemoryModel

MEMORIES = {
    "latency 30": MemoryModel(),
    "latency 200": MemoryModel(latency=200),
    "a word in 4 cycles": MemoryModel(cycles_per_word=4),
    "stalls 80 %": MemoryModel(stall_percent=80),
    "all three": MemoryModel(latency=200, cycles_per_word=4, stall_percent=80),
}
"""The first one is what the cycle model and the other reports assume."""

LAYERS = {"64@56": (64, 56), "128@28": (128, 28), "256@14": (256, 14), "512@7": (512, 7)}
"""Channels, in and out, and rows and columns: one of each stage of ResNet-18."""

TAU = 5


@dataclass(frozen=True)
class Row:
    """One layer with one memory."""

    layer: str
    memory: str
    cycles: int


def _program(name: str) -> Program:
    channels, side = LAYERS[name]
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 1 << TAU, (channels, channels))
    subset = rng.permutation(512)[: 1 << TAU][None]
    layer = Layer(name, side, side, indices, TAU, subset, plane=Plane.ACCUMULATOR)
    return generate([layer], load_configuration("pynq-z2"))


def _cycles(program: Program, memory: MemoryModel) -> int:
    """Run a program on int8 activations; raise VerificationError for a wrong result."""
    (planned,) = program.planned
    layer = planned.layer
    shape = (layer.height, layer.width, layer.channels)
    image = np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8)
    dram = program.dram()
    program.put_image(dram, layer.name, image)
    hardware = program.hardware
    accelerator = Accelerator(RtlDevice(hardware, memory), hardware.identity)
    with accelerator.load(encode(program.instructions), dram) as loaded:
        counters = loaded.run(timeout=1.0)
        found = program.planes(loaded.read(0, len(dram)), layer.name)
    wanted = expected_planes([layer], {layer.name: image}, {}, hardware.activation_bits)
    if not np.array_equal(found, wanted[layer.name]):
        raise VerificationError(f"{layer.name}: the RTL computes something else than numpy")
    return counters.cycles


def _table(rows: list[Row]) -> Table:
    cycles = {(row.layer, row.memory): row.cycles for row in rows}
    best = {name: min(cycles[name, memory] for memory in MEMORIES) for name in LAYERS}
    lines = [
        [memory, *(f"{cycles[name, memory] / best[name]:.2f}" for name in LAYERS)]
        for memory in MEMORIES
    ]
    lines.append(["cycles of 1.00", *(f"{best[name]:,}" for name in LAYERS)])
    return Table("Cycles of a layer, by the memory beside it", ["memory", *LAYERS], lines)


@click.command()
@click.option("--output", type=Path, default=Path("benchmarks/results"), show_default=True)
def main(output: Path) -> None:
    """Run every layer with every memory."""
    rows = []
    for name in LAYERS:
        program = _program(name)
        for memory, model in MEMORIES.items():
            with phase(f"{name}, {memory}"):
                rows.append(Row(name, memory, _cycles(program, model)))
    table = _table(rows)
    Console().print(table.rich())
    facts = {
        "configuration": "pynq-z2, RTL in Verilator, driven as a board is",
        "results": "those of plain convolution, with every memory",
    }
    for path in write_results(output, "fpga-pynq-z2-memory", facts, rows, [table]):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
