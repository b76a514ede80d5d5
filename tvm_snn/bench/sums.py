"""Sums over the sixteen binary convolutions of ResNet-18."""

from collections.abc import Sequence

from .layers_of_resnet18 import LAYERS
from .rows import Row, fastest, select
from .timing import Timing


def sixteen_convs(rows: Sequence[Row]) -> Timing | None:
    """Return the time of all convolutions, each layer by the fastest of the rows.

    None when a layer was not measured.
    """
    timings = []
    for layer in LAYERS.values():
        row = fastest(select(rows, subject=layer.name))
        if row is None:
            return None
        timings += [row.microseconds] * layer.count
    return Timing.sum(timings)


def bnn_rows(rows: Sequence[Row], target: str) -> list[Row]:
    """Return the rows that compute 1-bit weights: ours for a target, and those of engines."""
    return [row for row in select(rows, kind="BNN W1A1") if row.target in ("", target)]
