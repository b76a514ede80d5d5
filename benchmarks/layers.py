"""Time the 3x3 layers of ResNet-18 one by one: `python -m benchmarks.layers`.

Every strategy that can compute a layer runs against PyTorch's float32 convolution and against
TVM's own lowering of the float convolution without a schedule, on one thread, in one process,
taking turns. Results are checked against the reference before they are timed.
"""

import os

# Read when TVM's and PyTorch's thread pools start, so it comes before importing either.
os.environ["TVM_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
import torch
import tvm
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from tvm import relax
from tvm.target import Target

from benchmarks.measure import Timing, interleaved, machine, markdown, save
from tvm_snn.ops import OPERATORS
from tvm_snn.relay_passes.lower import TRANSFORM_WEIGHTS, lower
from tvm_snn.schedules import candidates, choose
from tvm_snn.target import features_of, parse_target

OPERATOR = "snn.subset_conv2d"
TORCH, UNSCHEDULED = "torch float32", "TVM unscheduled float32"


@dataclass(frozen=True)
class Layer:
    """A 3x3 convolution of ResNet-18."""

    channels: int
    outputs: int
    size: int
    stride: int

    @property
    def name(self) -> str:
        return f"{self.channels}x{self.outputs} @{self.size} /{self.stride}"

    @property
    def attrs(self) -> dict[str, Any]:
        return {
            "strides": [self.stride] * 2,
            "padding": [1] * 4,
            "dilation": [1, 1],
            "groups": 1,
            "data_layout": "NCHW",
        }

    def operands(self, kernels: int, unit: int, dtype: str) -> tuple[NDArray, NDArray, NDArray]:
        """Random data, subset of units of `unit` channels, and indices."""
        generator = np.random.default_rng(0)
        shape = (1, self.channels, self.size, self.size)
        data = generator.standard_normal(shape, dtype=np.float32)
        codes = generator.choice(2 ** (9 * unit), kernels, replace=False)
        signs = np.where(codes[:, None] >> np.arange(9 * unit) & 1, 1, -1)
        subset = signs.reshape(kernels, unit, 3, 3)
        indices = generator.integers(0, kernels, (self.outputs, self.channels // unit))
        data = np.sign(data).astype(np.int8) if dtype == "int8" else data
        return data, subset.astype(np.int8), indices.astype(np.uint8)


LAYERS = [
    *(Layer(c, c, size, 1) for c, size in ((64, 56), (128, 28), (256, 14), (512, 7))),
    *(Layer(c, 2 * c, size, 2) for c, size in ((64, 56), (128, 28), (256, 14))),
]


@click.command()
@click.option("--target", default="host", show_default=True, help="Target to compile for.")
@click.option("--tau", default=5, show_default=True, help="Bits of a kernel index.")
@click.option("--unit", type=click.IntRange(1, 2), default=1, show_default=True)
@click.option("--rounds", default=60, show_default=True, help="Measurements of each contender.")
@click.option("--name", default="layers", show_default=True, help="Stem of the result files.")
def main(target: str, tau: int, unit: int, rounds: int, name: str) -> None:
    """Measure the layers, print a table, and write it to benchmarks/results/."""
    torch.set_num_threads(1)
    console = Console()
    parsed = parse_target(target)
    facts = {**machine(), "target": parsed.attrs["mcpu"], "tau": tau, "unit": unit, "threads": 1}
    rows = []
    with Progress(console=console, transient=True, refresh_per_second=1) as progress:
        for dtype in ("int8", "float32"):
            kind = "W1A1" if dtype == "int8" else "W1A32"
            for layer in progress.track(LAYERS, description=kind):
                operands = layer.operands(2**tau, unit, dtype)
                rows += _measure(layer, kind, operands, parsed, rounds, progress)
    console.print(_table(rows))
    header = ["layer", "kind", "contender", "microseconds (quartiles)", f"over {TORCH}"]
    cells = [_cells(row) for row in rows]
    for path in save(name, facts, rows, markdown(header, cells)):
        console.print(f"wrote {path}")


def _measure(
    layer: Layer,
    kind: str,
    operands: tuple[NDArray, NDArray, NDArray],
    target: Target,
    rounds: int,
    progress: Progress,
) -> list[dict[str, Any]]:
    expected = OPERATORS[OPERATOR].reference(*operands, **layer.attrs)
    call = _call(layer, operands, "")
    features = features_of(target)
    contenders: dict[str, Callable[[], object]] = {}
    for strategy in candidates(call, features):
        contenders[strategy.name] = _compiled(layer, operands, strategy.name, target, expected)
    weight = operands[1][operands[2]].reshape(layer.outputs, layer.channels, 3, 3)
    floats = operands[0].astype(np.float32), weight.astype(np.float32)
    contenders[TORCH] = _torch(layer, *floats)
    timings = interleaved(contenders, rounds, progress)
    # Alone, because its third of a second would leave the others cold caches; and not often.
    slow = {UNSCHEDULED: _unscheduled(layer, *floats, target)}
    timings |= interleaved(slow, min(rounds, 3), progress)
    chosen = choose(call, features)[0].name
    return [
        {
            "layer": layer.name,
            "kind": kind,
            "contender": contender,
            "microseconds": timing,
            "ratio": timings[TORCH].median / timing.median,
            "chosen": contender == chosen,
        }
        for contender, timing in timings.items()
    ]


def _call(layer: Layer, operands: tuple[NDArray, ...], strategy: str) -> relax.Call:
    parameters = [
        relax.Var(name, relax.TensorType(array.shape, str(array.dtype)))
        for name, array in zip(("data", "subset", "indices"), operands, strict=True)
    ]
    return OPERATORS[OPERATOR](*parameters, **layer.attrs, strategy=strategy)


def _compiled(
    layer: Layer,
    operands: tuple[NDArray, ...],
    strategy: str,
    target: Target,
    expected: NDArray,
) -> Callable[[], object]:
    call = _call(layer, operands, strategy)
    builder = relax.BlockBuilder()
    with builder.function("main", list(call.args), {"num_input": 1}):
        with builder.dataflow():
            output = builder.emit_output(builder.emit(call))
        builder.emit_func_output(output)
    machine_ = relax.VirtualMachine(lower(builder.get(), target).executable, tvm.cpu())
    data, *weights = [tvm.runtime.tensor(array) for array in operands]
    packed = machine_[TRANSFORM_WEIGHTS](tvm.runtime.convert(weights))
    run = machine_["main"]
    if not np.allclose(run(data, *packed).numpy(), expected, rtol=1e-4, atol=1e-3):
        raise click.ClickException(f"{strategy} gives a wrong result for {layer.name}.")
    return lambda: run(data, *packed)


def _torch(layer: Layer, data: NDArray, weight: NDArray) -> Callable[[], object]:
    x, w = torch.from_numpy(data), torch.from_numpy(weight)

    def run() -> object:
        with torch.inference_mode():
            return torch.nn.functional.conv2d(x, w, stride=layer.stride, padding=1)

    return run


def _unscheduled(
    layer: Layer, data: NDArray, weight: NDArray, target: Target
) -> Callable[[], object]:
    x, w = (
        relax.Var(n, relax.TensorType(a.shape, "float32"))
        for n, a in zip("xw", (data, weight), strict=True)
    )
    builder = relax.BlockBuilder()
    with builder.function("main", [x, w]):
        conv = relax.op.nn.conv2d(x, w, strides=layer.stride, padding=1)
        builder.emit_func_output(builder.emit(conv))
    with target:
        module = relax.transform.LegalizeOps()(builder.get())
    machine_ = relax.VirtualMachine(relax.build(module, target), tvm.cpu())
    arguments = [tvm.runtime.tensor(array) for array in (data, weight)]
    run = machine_["main"]
    return lambda: run(*arguments)


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="one thread, batch 1; * is what the cost model chooses")
    for column in ("layer", "kind", "contender", "us (quartiles)", f"over {TORCH}"):
        table.add_column(column)
    for row in rows:
        style = "red" if row["ratio"] < 1 and row["contender"] != UNSCHEDULED else ""
        table.add_row(*_cells(row), style=style)
    return table


def _cells(row: dict[str, Any]) -> list[str]:
    timing: Timing = row["microseconds"]
    mark = " *" if row["chosen"] else ""
    return [
        row["layer"],
        row["kind"],
        row["contender"] + mark,
        str(timing),
        f"{row['ratio']:.2f}",
    ]


if __name__ == "__main__":
    main()
