"""The ratios that matter, next to what they should be: one thread, batch 1, ResNet-18."""

from collections.abc import Sequence
from dataclasses import dataclass

from .kernels import BINARY, FLOAT_DATA, PAIRS_32, PAIRS_64, SINGLE
from .networks import COMPILED, COMPILING, UNTUNED
from .peers import FLOAT32, INT8, INT8_WITHOUT_AMX
from .rows import OURS, Row, distinct, fastest, of_kind, select
from .sums import bnn_rows, sixteen_convs
from .table import Table
from .timing import Timing

_WIDE, _NARROW = "AVX-512", "AVX2"
_MINUTE = Timing.of([60e6])


@dataclass(frozen=True)
class Ratio:
    """How many times faster ours is than another; at least `goal` is wanted."""

    what: str
    goal: float
    ours: Timing
    other: Timing

    @property
    def value(self) -> float:
        """The ratio of the medians."""
        return self.other.median / self.ours.median

    def cells(self) -> list[str]:
        """Return the row of a table."""
        times = [f"{timing.median / 1e3:.2f}" for timing in (self.ours, self.other)]
        best = self.other.best / self.ours.best
        verdict = "yes" if self.value >= self.goal else "no"
        return [self.what, *times, f"{self.value:.2f}", f"{best:.2f}", f"{self.goal:.2f}", verdict]


def goals_table(ratios: Sequence[Ratio]) -> Table:
    """Return the table of the ratios."""
    return Table(
        "Goals: ResNet-18, tau = 5, batch 1, one thread",
        ["", "ours, ms", "other, ms", "ratio", "of best times", "goal", "reached"],
        [ratio.cells() for ratio in ratios],
        "Of other engines, and of our own strategies, each layer counts by its fastest.",
    )


def ratios_of(rows: Sequence[Row]) -> list[Ratio]:
    """Return every ratio for which enough was measured."""
    one = select(rows, threads=1)
    return [*_layer_ratios(one), *_network_ratios(one), *_choice_ratios(one)]


def _layer_ratios(rows: Sequence[Row]) -> list[Ratio]:
    wide, narrow = (select(rows, target=target) for target in (_WIDE, _NARROW))
    float32, int8, vnni = (of_kind(rows, kind) for kind in (FLOAT32, INT8, INT8_WITHOUT_AMX))
    single, pairs_64, pairs_32, float_data = (
        select(wide, kind=kind.name) for kind in (SINGLE, PAIRS_64, PAIRS_32, FLOAT_DATA)
    )
    narrow_single, narrow_bnn = (select(narrow, kind=kind.name) for kind in (SINGLE, BINARY))
    bnn = bnn_rows(rows, _WIDE)
    wanted = (
        (f"16 convs, W1A1, {_WIDE}: single units over the best BNN", 1.5, single, bnn),
        ("paired units, K = 64, over the best BNN", 2.2, pairs_64, bnn),
        ("paired units, K = 32, over the best BNN", 2.2, pairs_32, bnn),
        ("single units over the best int8", 4.0, single, int8),
        (f"single units over the best {INT8_WITHOUT_AMX}", 4.0, single, vnni),
        ("single units over the best float32", 15.0, single, float32),
        (f"{_NARROW}: single units over our own BNN", 2.4, narrow_single, narrow_bnn),
        (f"16 convs, W1A32, {_WIDE}: over the best float32", 3.5, float_data, float32),
    )
    ratios = []
    for what, goal, ours, other in wanted:
        times = sixteen_convs(ours), sixteen_convs(other)
        if times[0] is not None and times[1] is not None:
            ratios.append(Ratio(what, goal, times[0], times[1]))
    return ratios


def _network_ratios(rows: Sequence[Row]) -> list[Ratio]:
    network = select(rows, subject="resnet18 W1A1, batch 1")
    ours = fastest(select(network, kind=f"{COMPILED}, tau 5"))
    ratios = []
    for kind, goal in ((FLOAT32, 6.0), (INT8, 1.8), (INT8_WITHOUT_AMX, 1.8)):
        other = fastest(of_kind(network, kind))
        if ours is not None and other is not None:
            what = f"whole network, W1A1, 224x224: over the best {kind}"
            ratios.append(Ratio(what, goal, ours.microseconds, other.microseconds))
    untuned = fastest(select(network, kind=f"{COMPILED}, {UNTUNED}"))
    if ours is not None and untuned is not None:
        what = "whole network, W1A1: tuned over without records"
        ratios.append(Ratio(what, 1.1, ours.microseconds, untuned.microseconds))
    for row in select(network, kind=f"{COMPILING}, tau 5"):
        ratios.append(Ratio("a minute over its time to compile", 1.0, row.microseconds, _MINUTE))
    return ratios


def _choice_ratios(rows: Sequence[Row]) -> list[Ratio]:
    """Return the layer at which the chosen strategy loses most against the fastest."""
    ratios = []
    ours = select(rows, engine=OURS)
    for subject in distinct(ours, "subject"):
        for kind in distinct(ours, "kind"):
            for target in distinct(ours, "target"):
                group = select(ours, subject=subject, kind=kind, target=target)
                chosen, best = fastest(select(group, chosen=True)), fastest(group)
                if chosen is not None and best is not None:
                    what = f"the strategy chosen over the fastest: {subject}, {kind}, {target}"
                    ratios.append(Ratio(what, 0.95, chosen.microseconds, best.microseconds))
    return sorted(ratios, key=lambda ratio: ratio.value)[:1]
