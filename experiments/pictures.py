"""Pictures of results, in the manner of the sub-bit paper's Figures 1, 11 and 12."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from tables import grouped

Result = dict[str, Any]


def kernel_frequencies(results: list[Result], path: Path) -> None:
    """How often each kernel is used, most frequent first, a panel a layer; a line a result."""
    layers = list(results[0]["kernels"][-1])
    figure, axes = _panels(len(layers))
    for axis, layer in zip(axes, layers, strict=False):
        for result in results:
            counts = np.sort(list(result["kernels"][-1][layer]["counts"].values()))[::-1]
            axis.plot(np.arange(1, len(counts) + 1), counts / counts.sum(), label=_name(result))
        axis.set(title=layer, xscale="log", xlabel="kernel, by frequency", ylabel="share")
    axes[0].legend(fontsize="small")
    _save(figure, path)


def codes_through_training(result: Result, path: Path) -> None:
    """The codes of each layer's subset after every epoch, a panel a layer."""
    notes = result["kernels"]
    layers = [layer for layer, note in notes[-1].items() if note["subset"] is not None]
    figure, axes = _panels(len(layers))
    epochs = np.arange(1, len(notes) + 1)
    for axis, layer in zip(axes, layers, strict=False):
        codes = np.array([note[layer]["subset"] for note in notes])
        axis.plot(epochs, codes, ".-", linewidth=0.5, markersize=2)
        axis.set(title=layer, xlabel="epoch", ylabel="code")
    figure.suptitle(_name(result))
    _save(figure, path)


def reductions(results: list[Result], path: Path) -> None:
    """Bits and Bit-OPs as shares of the 1-bit network's, without and with the float layers."""
    bnn = next(result for result in results if result["method"] == "bnn")
    others = [result for result in results if result["binary_bits"]]
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    places = np.arange(len(others))
    bits = [[r["binary_bits"] + d * r["dense_bits"] for r in others] for d in (0, 1)]
    base = [bnn["binary_bits"] + d * bnn["dense_bits"] for d in (0, 1)]
    for shift, label, values, whole in zip(
        (-0.2, 0.2), ("binarised layers", "all layers"), bits, base, strict=True
    ):
        axes[0].bar(places + shift, np.array(values) / whole, 0.4, label=label)
    operations = np.array([result["bit_operations"] for result in others])
    axes[1].bar(places, operations / bnn["bit_operations"], 0.6)
    for axis, title in zip(axes, ("bits", "Bit-OPs of binarised layers"), strict=True):
        axis.set(title=title, ylabel="share of the 1-bit network")
        axis.set_xticks(places, [_name(r) for r in others], rotation=90, fontsize="x-small")
    axes[0].legend()
    _save(figure, path)


def pareto(results: list[Result], path: Path) -> None:
    """Mean accuracy against stored bits and, where it was measured, against latency."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for group in grouped(results).values():
        accuracy = 100 * float(np.mean([result["accuracy"] for result in group]))
        points = [(axes[0], (group[0]["binary_bits"] + group[0]["dense_bits"]) / 8e3)]
        times = [r["compiled"]["microseconds_median"] for r in group if "compiled" in r]
        if times:
            points.append((axes[1], float(np.median(times))))
        for axis, x in points:
            axis.plot(x, accuracy, "o")
            axis.annotate(_name(group[0]), (x, accuracy), fontsize="x-small")
    axes[0].set(xlabel="weights, kB", ylabel="accuracy, %")
    axes[1].set(xlabel="latency of an image, us")
    _save(figure, path)


def _panels(count: int) -> tuple[Any, list[Any]]:
    columns = min(4, count)
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3 * columns, 2.5 * rows), squeeze=False)
    return figure, list(axes.flat)


def _name(result: Result) -> str:
    return f"{result['method']} {result['size']}".strip()


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
