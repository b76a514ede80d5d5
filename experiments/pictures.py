"""Pictures of results, in the manner of the sub-bit paper's Figures 1, 11 and 12."""

from collections.abc import Iterable
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
    layers = list(results[0]["kernels"][-1]["layers"])
    figure, axes = _panels(len(layers))
    for axis, layer in zip(axes, layers, strict=False):
        for result in results:
            counts = result["kernels"][-1]["layers"][layer]["counts"]
            counts = np.sort(list(counts.values()))[::-1]
            axis.plot(np.arange(1, len(counts) + 1), counts / counts.sum(), label=_name(result))
        axis.set(title=layer, xscale="log", xlabel="kernel, by frequency", ylabel="share")
    figure.legend(*axes[-1].get_legend_handles_labels(), fontsize="small", loc="lower right")
    _save(figure, path)


def codes_through_training(result: Result, path: Path) -> None:
    """The codes of each layer's subset in training, a panel a layer."""
    steps = [note["step"] for note in result["kernels"]]
    notes = [note["layers"] for note in result["kernels"]]
    layers = [layer for layer, note in notes[-1].items() if note["subset"] is not None]
    figure, axes = _panels(len(layers))
    for axis, layer in zip(axes, layers, strict=False):
        codes = np.array([note[layer]["subset"] for note in notes])
        axis.plot(steps, codes, ".-", linewidth=0.5, markersize=2)
        axis.set(title=layer, xlabel="step", ylabel="code")
    figure.suptitle(_name(result))
    _save(figure, path)


def reductions(results: list[Result], path: Path) -> None:
    """Bits and Bit-OPs as shares of the 1-bit network's, without and with the float layers.

    Networks of one size have the same of both: refined and paired subsets stand for all.
    """
    bnn = next(result for result in results if result["method"] == "bnn")
    others = [r for r in results if r["method"] in ("bnn", "refined", "paired")]
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
        axis.set_xticks(places, [r["size"] or "1 bit" for r in others], rotation=45)
    axes[0].legend()
    _save(figure, path)


def pareto(results: list[Result], path: Path) -> None:
    """Accuracy against stored bytes and, where it was measured, against the shortest latency.

    The shortest is what other work on the machine changes least. A line a method, through its
    sizes: means of seeds, with the smallest and the largest. The float network, many times as
    large, is a line across.
    """
    figure, axes = plt.subplots(1, 2, figsize=(12, 5), sharey=True)
    methods = sorted({result["method"] for result in results})
    for number, method in enumerate(methods):
        groups = grouped([r for r in results if r["method"] == method]).values()
        if method == "float":
            mean = 100 * float(np.mean([r["accuracy"] for group in groups for r in group]))
            for axis in axes:
                axis.axhline(mean, linestyle="--", color="gray", label=method)
            continue
        style = {"fmt": "o-", "color": f"C{number}", "label": method, "capsize": 2}
        bytes_ = [(g[0]["binary_bits"] + g[0]["dense_bits"]) / 8e3 for g in groups]
        _line(axes[0], bytes_, groups, style)
        timed = [g for g in groups if any("compiled" in r for r in g)]
        times = [
            float(np.median([r["compiled"]["microseconds_minimum"] for r in g if "compiled" in r]))
            for g in timed
        ]
        _line(axes[1], times, timed, style)
    axes[0].set(xlabel="weights, kB", ylabel="accuracy, %")
    axes[1].set(xlabel="shortest latency of an image, us")
    axes[0].legend(fontsize="small")
    _save(figure, path)


def _line(
    axis: Any, places: list[float], groups: Iterable[list[Result]], style: dict[str, Any]
) -> None:
    """Mean, smallest and largest accuracy of each group, at its place, from left to right."""
    points = []
    for place, group in sorted(zip(places, groups, strict=True), key=lambda pair: pair[0]):
        accuracies = [100 * result["accuracy"] for result in group]
        mean = float(np.mean(accuracies))
        points.append((place, mean, mean - min(accuracies), max(accuracies) - mean))
    if points:
        x, y, below, above = zip(*points, strict=True)
        axis.errorbar(x, y, yerr=(below, above), **style)


def _panels(count: int) -> tuple[Any, list[Any]]:
    columns = min(4, count)
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3 * columns, 2.5 * rows), squeeze=False)
    for unused in axes.flat[count:]:
        unused.remove()
    return figure, list(axes.flat[:count])


def _name(result: Result) -> str:
    return f"{result['method']} {result['size']}".strip()


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
