"""The table of results: a row for each method, over its seeds."""

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from differences import differences

from tvm_snn.files import replacing

Result = dict[str, Any]


def grouped(results: list[Result]) -> dict[tuple[str, str, str, str], list[Result]]:
    """Results of different seeds together, by network, activations, method and size."""
    groups: dict[tuple[str, str, str, str], list[Result]] = defaultdict(list)
    for result in results:
        key = (result["network"], result["activations"], result["method"], result["size"])
        groups[key].append(result)
    return groups


def markdown(results: list[Result]) -> str:
    """A Markdown table a network and kind of activations, best accuracy first."""
    tables: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for (network, activations, method, size), group in grouped(results).items():
        accuracies = [100 * result["accuracy"] for result in group]
        mean = statistics.mean(accuracies)
        spread = f"{min(accuracies):.2f}-{max(accuracies):.2f}" if len(group) > 1 else ""
        first = group[0]
        compiled = [r["compiled"] for r in group if "compiled" in r]
        times = [
            statistics.median(c[f"microseconds_{kind}"] for c in compiled)
            for kind in ("median", "minimum")
            if compiled
        ]
        row = [
            method,
            size,
            f"{mean:.2f}",
            spread,
            str(len(group)),
            f"{first['binary_bits'] / 1e6:.3f}" if first["binary_bits"] else "",
            f"{first['bit_operations'] / 1e6:.1f}" if first["bit_operations"] else "",
            "{:.0f} ({:.0f})".format(*times) if times else "",
        ]
        tables[network, activations].append((mean, f"| {' | '.join(row)} |"))
    parts = []
    for (network, activations), rows in sorted(tables.items()):
        sizes = {tuple(sorted(r["plan"].items())) for r in results if r["network"] == network}
        plans = "; ".join(", ".join(f"{k} {v}" for k, v in plan) for plan in sorted(sizes, key=str))
        parts.append(
            "\n".join(
                [
                    f"{network}, {activations} ({plans}):",
                    "",
                    "| method | size | accuracy, % | spread | seeds | Mbit | M Bit-OPs | us |",
                    "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |",
                    *(text for _, text in sorted(rows, key=lambda row: -row[0])),
                ]
            )
        )
    return "\n\n".join(parts)


def comparison(results: list[Result]) -> str:
    """How the compiled networks classify next to PyTorch, in words; "" where none was measured."""
    compiled = [result["compiled"] for result in results if "compiled" in result]
    if not compiled:
        return ""
    names = ("images", "classes_differ", "logits_differ", "differences_by_ties")
    images, classes, logits, ties = (sum(c[name] for c in compiled) for name in names)
    return (
        f"{len(compiled)} networks were compiled and classified {images:,} images in all next to "
        f"PyTorch: {classes} got another class, {logits} had logits that differ by more than "
        f"rounding, on {ties} of which because of ties alone: with PyTorch's signs of floats that "
        "are zero but for rounding, they are PyTorch's."
    )


def keep_results(results: list[Result], folder: Path) -> None:
    """Write `fashion-mnist.md`, the tables, and `fashion-mnist.json`, all of the runs.

    The JSON has what a result has but for the kernels at every checkpoint, which are large.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs = [{k: v for k, v in result.items() if k != "kernels"} for result in results]
    dates = sorted(result["date"] for result in results)
    seeds = sorted({result["seed"] for result in results})
    text = (
        "# Methods of training on Fashion-MNIST\n\n"
        "Made by `python experiments/fashion_mnist.py run` and `table`. "
        f"{len(results)} runs with seeds {', '.join(map(str, seeds))}, done from {dates[0]} to "
        f"{dates[-1]} with PyTorch {results[0]['torch']} on {results[0]['machine']}. Accuracy is "
        "that on the 10,000 test images after the last epoch, Mbit and Bit-OPs are those of the "
        "binarised layers, us the median (and shortest) latency of an image in the "
        f"compiled network on one thread, where it was measured. {comparison(results)}\n\n"
    )
    tables = f"{markdown(results)}\n\nSeed by seed:\n\n{differences(results)}\n"
    contents = {
        "fashion-mnist.md": text + tables,
        "fashion-mnist.json": json.dumps(runs, indent=1) + "\n",
    }
    for name, content in contents.items():
        with replacing(folder / name) as temporary:
            Path(temporary).write_text(content)
