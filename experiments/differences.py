"""By how much methods differ, seed by seed: what the paper says of them, confirmed or refuted.

Networks of one seed start from the same weights and, but for some methods, the same subsets: a
difference with one seed says more than two means.
"""

import statistics
from collections import defaultdict
from typing import Any

from cases import TAUS

Result = dict[str, Any]
Row = tuple[str, str]
"""Method and size."""

_SIZES = [f"tau {tau}" for tau in sorted(TAUS, reverse=True)]
PAIRS: list[tuple[Row, Row]] = [
    (("refined", "tau 5"), ("bnn", "")),
    *((("refined", size), ("vanilla", size)) for size in _SIZES),
    *((("negation-closed", size), ("refined", size)) for size in _SIZES),
    (("paired", "K 64"), ("refined", "tau 3")),
]
"""What is compared: the first less the second."""


def differences(results: list[Result]) -> str:
    """A Markdown table: a row for each two methods that some seeds of a network have both of.

    Rows of all networks together follow where there are several.
    """
    points: dict[tuple[str, str], dict[Row, dict[int, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for r in results:
        one = points[r["network"], r["activations"]]
        one[r["method"], r["size"]][r["seed"]] = 100 * r["accuracy"]
    lines = [
        "| network | activations | points of | above | mean | standard error | of each seed |",
        "| --- | --- | --- | --- | ---: | ---: | --- |",
    ]
    together: dict[tuple[Row, Row], list[float]] = defaultdict(list)
    for network in sorted(points):
        for pair in PAIRS:
            each = _each(points[network], *pair)
            together[pair] += each
            lines += _line(*network, pair, each)
    if len(points) > 1:
        for pair, each in together.items():
            lines += _line("all", "", pair, each)
    return "\n".join(lines)


def _each(points: dict[Row, dict[int, float]], first: Row, second: Row) -> list[float]:
    """The differences of the seeds that have both."""
    one, other = points[first], points[second]
    return [one[seed] - other[seed] for seed in sorted(one.keys() & other.keys())]


def _line(network: str, activations: str, pair: tuple[Row, Row], each: list[float]) -> list[str]:
    """A row of the table; none where there is no difference."""
    if not each:
        return []
    error = f"{statistics.stdev(each) / len(each) ** 0.5:.2f}" if len(each) > 1 else ""
    cells = [network, activations, *(" ".join(row).strip() for row in pair)]
    cells += [f"{statistics.mean(each):+.2f}", error, ", ".join(f"{value:+.2f}" for value in each)]
    return [f"| {' | '.join(cells)} |"]
