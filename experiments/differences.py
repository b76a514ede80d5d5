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

PAIRS: list[tuple[Row, Row]] = [
    (("refined", "tau 5"), ("bnn", "")),
    *((("refined", f"tau {tau}"), ("vanilla", f"tau {tau}")) for tau in sorted(TAUS)[::-1]),
    *((("negation-closed", f"tau {t}"), ("refined", f"tau {t}")) for t in sorted(TAUS)[::-1]),
    (("paired", "K 64"), ("refined", "tau 3")),
]
"""What is compared: the first less the second."""


def differences(results: list[Result]) -> str:
    """A Markdown table: a row for each two methods that some seeds of a network have both of."""
    points: dict[tuple[str, str, Row], dict[int, float]] = defaultdict(dict)
    for r in results:
        key = (r["network"], r["activations"], (r["method"], r["size"]))
        points[key][r["seed"]] = 100 * r["accuracy"]
    lines = [
        "| network | activations | points of | above | mean | standard error | of each seed |",
        "| --- | --- | --- | --- | ---: | ---: | --- |",
    ]
    for network, activations in sorted({(r["network"], r["activations"]) for r in results}):
        for first, second in PAIRS:
            one, other = (points[network, activations, row] for row in (first, second))
            each = [one[seed] - other[seed] for seed in sorted(one.keys() & other.keys())]
            if each:
                names = (" ".join(row).strip() for row in (first, second))
                cells = [network, activations, *names, f"{statistics.mean(each):+.2f}"]
                cells += [_standard_error(each), ", ".join(f"{value:+.2f}" for value in each)]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _standard_error(values: list[float]) -> str:
    if len(values) < 2:
        return ""
    return f"{statistics.stdev(values) / len(values) ** 0.5:.2f}"
