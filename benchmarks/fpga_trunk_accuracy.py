"""Classify handwritten digits with the residual trunk in fixed point, and in float32.

    python benchmarks/fpga_trunk_accuracy.py

Trains the small residual network of examples/digits_model.py (W1A1, tau = 5), compiles it for the
PYNQ-Z2's accelerator with both trunks, and classifies the held-out digits with each, the
accelerator simulated. Prints the accuracy of each beside PyTorch's and how many digits are put
into another class; writes fpga-trunk-accuracy.json and .md.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console

import tvm_snn
from tvm_snn.bench.results import write_results
from tvm_snn.bench.table import Table
from tvm_snn.compiler import TRUNKS
from tvm_snn.progress import phase

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from digits_model import Digits, build, load_digits, train

TARGET = "host -accelerator=pynq-z2"
BATCH = 60


@dataclass(frozen=True)
class Row:
    """One trained network with one trunk."""

    seed: int
    trunk: str
    pytorch_right: int
    right: int
    other_class: int
    """Digits that PyTorch puts into another class."""
    logits: float
    """Mean absolute difference of the logits from PyTorch's."""
    spread: float
    """Standard deviation of PyTorch's logits."""
    regions: int
    digits: int


def _rows(seed: int, data: Digits, epochs: int) -> list[Row]:
    model = build("W1A1", seed)
    train(model, data, epochs=epochs, seed=seed)
    images, labels = data.test_images, data.test_labels.numpy()
    wanted = model(images).detach().numpy()
    rows = []
    for trunk in TRUNKS:
        with phase(f"seed {seed}, {trunk}"):
            network = tvm_snn.compile(
                model,
                TARGET,
                example_inputs=(data.train_images[:BATCH],),
                verify=False,
                trunk=trunk,
            )
            found = np.concatenate([np.asarray(network(part)) for part in images.split(BATCH)])
        programs = network.artifact.accelerator
        rows.append(
            Row(
                seed,
                trunk,
                int((wanted.argmax(1) == labels).sum()),
                int((found.argmax(1) == labels).sum()),
                int((wanted.argmax(1) != found.argmax(1)).sum()),
                float(np.abs(found - wanted).mean()),
                float(wanted.std()),
                len(programs.regions) if programs is not None else 0,
                len(labels),
            )
        )
    return rows


def _table(rows: list[Row]) -> Table:
    lines = [
        [
            f"{row.seed}, {row.trunk}",
            str(row.regions),
            f"{row.pytorch_right / row.digits:.2%}",
            f"{row.right / row.digits:.2%}",
            f"{row.other_class} of {row.digits}",
            f"{row.logits / row.spread:.2%}",
        ]
        for row in rows
    ]
    headings = ["seed, trunk", "regions", "PyTorch", "accelerator", "other class", "logits differ"]
    return Table("Held-out digits, by how the residual trunk is computed", headings, lines)


@click.command()
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--epochs", default=15, show_default=True, type=click.IntRange(min=1))
@click.option("--output", type=Path, default=Path("benchmarks/results"), show_default=True)
def main(seeds: int, epochs: int, output: Path) -> None:
    """Train a network of every seed and classify with both trunks."""
    data = load_digits()
    rows: list[Row] = []
    facts = {
        "network": f"examples/digits_model.py, W1A1, tau = 5, {epochs} epochs",
        "target": TARGET,
        "logits differ": "mean absolute difference from PyTorch's, of their standard deviation",
    }
    for seed in range(seeds):
        rows += _rows(seed, data, epochs)
        paths = write_results(output, "fpga-trunk-accuracy", facts, rows, [_table(rows)])
    Console().print(_table(rows).rich())
    for path in paths:
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
