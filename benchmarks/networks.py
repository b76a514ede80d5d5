"""Time whole networks of the zoo: `python -m benchmarks.networks`.

Each network runs compiled, in onnxruntime and in PyTorch, on one thread, in one process, taking
turns. The peers compute the same network in float32, their weights binarized beforehand: the
exported ONNX file with its constants folded, and the PyTorch program with its constants folded.
Results are compared before they are timed.
"""

import os

# Read when TVM's and PyTorch's thread pools start, so it comes before importing either.
os.environ["TVM_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime
import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch._inductor.constant_folding import constant_fold

import tvm_snn
from benchmarks.measure import Timing, interleaved, machine, markdown, save
from tvm_snn.zoo import ZOO, example_inputs

COMPILED, ONNXRUNTIME, TORCH = "tvm_snn", "onnxruntime float32", "PyTorch float32"
NETWORKS = [
    ("resnet18", "W1A1", 5, 1),
    ("resnet18", "W1A1", None, 1),
    ("resnet18", "W1A32", 5, 1),
    ("resnet34", "W1A1", 5, 1),
    ("resnet20", "W1A1", 5, 1),
    ("vgg_small", "W1A1", 5, 1),
    ("resnet20", "W1A1", 5, 8),
    ("vgg_small", "W1A1", 5, 8),
]


@click.command()
@click.option("--target", default="host", show_default=True, help="Target to compile for.")
@click.option("--rounds", default=30, show_default=True, help="Measurements of each contender.")
@click.option("--name", default="networks", show_default=True, help="Stem of the result files.")
def main(target: str, rounds: int, name: str) -> None:
    """Measure the networks, print a table, and write it to benchmarks/results/."""
    torch.set_num_threads(1)
    console = Console()
    rows = []
    with Progress(console=console, transient=True) as progress:
        for network in progress.track(NETWORKS, description="networks"):
            rows.append(_measure(*network, target, rounds, progress))
    table = Table(title="one thread")
    for column in _HEADER:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row), style="red" if row["ratio"] < 1 else "")
    console.print(table)
    facts = {**machine(), "onnxruntime": onnxruntime.__version__, "target": target, "threads": 1}
    for path in save(name, facts, rows, markdown(_HEADER, [_cells(row) for row in rows])):
        console.print(f"wrote {path}")


def _measure(
    name: str,
    activations: str,
    tau: int | None,
    batch: int,
    target: str,
    rounds: int,
    progress: Progress,
) -> dict[str, Any]:
    model = ZOO[name].factory(tau=tau, activations=activations)
    inputs = example_inputs(name, batch)
    compiled = tvm_snn.compile(model, target, example_inputs=inputs)
    array = inputs[0].numpy()
    contenders: dict[str, Callable[[], object]] = {
        COMPILED: lambda: compiled(array),
        ONNXRUNTIME: _onnxruntime(model, inputs),
        TORCH: _torch(model, inputs),
    }
    peers = [np.asarray(contenders[peer]()) for peer in (ONNXRUNTIME, TORCH)]
    differences = [float(np.abs(np.asarray(compiled(array)) - peer).max()) for peer in peers]
    timings = interleaved(contenders, rounds, progress)
    best = min(timings[peer].median for peer in (ONNXRUNTIME, TORCH))
    return {
        "network": name,
        "kind": f"{activations}, {'1 bit' if tau is None else f'tau = {tau}'}",
        "batch": batch,
        **timings,
        "ratio": best / timings[COMPILED].median,
        "differences from the peers": differences,
    }


def _onnxruntime(model: torch.nn.Module, inputs: tuple[Any, ...]) -> Callable[[], object]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(model, inputs, path, dynamo=True, external_data=False, verbose=False)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: inputs[0].numpy()}
    return lambda: session.run(None, feed)[0]


def _torch(model: torch.nn.Module, inputs: tuple[Any, ...]) -> Callable[[], object]:
    with torch.no_grad():
        program = torch.export.export(model, inputs).module()
        constant_fold(program)

    def run() -> object:
        with torch.inference_mode():
            return program(*inputs)

    return run


_HEADER = [
    "network",
    "kind",
    "batch",
    *(f"{contender}, ms" for contender in (COMPILED, ONNXRUNTIME, TORCH)),
    "times faster",
]


def _cells(row: dict[str, Any]) -> list[str]:
    times = [_milliseconds(row[contender]) for contender in (COMPILED, ONNXRUNTIME, TORCH)]
    return [row["network"], row["kind"], str(row["batch"]), *times, f"{row['ratio']:.2f}"]


def _milliseconds(timing: Timing) -> str:
    """Return the median, and the quartiles around it."""
    return f"{timing.median / 1e3:.2f} ({timing.lower / 1e3:.2f}-{timing.upper / 1e3:.2f})"


if __name__ == "__main__":
    main()
