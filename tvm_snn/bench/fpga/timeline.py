"""When each engine worked in a stage of a network, as a picture, from the events of a simulation.

In the manner of Figure 13 in the supplement of Wang et al., "Sub-bit Neural Networks", ICCV 2021.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ...files import replacing
from ...target.vta.isa.fields import Engine
from ...target.vta.simulator.spans import Span
from .runs import StackRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROWS = (Engine.LOAD, Engine.RESPONSE, Engine.GATHER, Engine.ALU, Engine.STORE)
_COUNTERS = {
    Engine.LOAD: "load_busy",
    Engine.RESPONSE: "responding",
    Engine.GATHER: "gathering",
    Engine.ALU: "finishing",
    Engine.STORE: "store_busy",
}
"""What is counted in the cycles in which an engine works."""


def draw_stage(path: Path, title: str, stage: int, runs: Mapping[str, StackRun]) -> None:
    """Write a picture: a panel for each kind of weights, over the same time.

    Pale: an engine has an instruction. Full: as high as the part of the time, from one event to
    the next, in which it worked. A colour for each layer.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.9 * len(runs) + 0.6), layout="constrained")
    panels = figure.subplots(len(runs), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (kind, run) in zip(panels, runs.items(), strict=True):
        _draw(panel, run, stage)
        panel.set_title(kind, loc="left", fontsize=9)
    panels[-1].set_xlabel("thousand cycles")
    figure.suptitle(f"{title}, stage {stage}", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def _draw(panel: "Axes", run: StackRun, stage: int) -> None:
    layers = [place for place, row in enumerate(run.rows) if row.stage == stage]
    first = sum(row.cycles for row in run.rows[: layers[0]])
    last = first + sum(run.rows[place].cycles for place in layers)
    for span in run.spans:
        if span.ends > first and span.begins < last:
            begins, ends = max(span.begins, first) - first, min(span.ends, last) - first
            panel.broken_barh(
                [(begins / 1e3, max(ends - begins, 1) / 1e3)],
                (_height(span.engine), 0.8),
                facecolor=_colour(run.layers[span.place]),
                alpha=0.25,
                linewidth=0,
            )
    for engine in _ROWS:
        _draw_work(panel, run, engine, first, last)
    panel.set_yticks([_height(engine) + 0.4 for engine in _ROWS])
    panel.set_yticklabels([engine.name.lower() for engine in _ROWS], fontsize=8)
    panel.set_xlim(left=0)
    panel.set_ylim(-0.1, len(_ROWS))


def _draw_work(panel: "Axes", run: StackRun, engine: Engine, first: int, last: int) -> None:
    """Draw how much of the time an engine worked, between one event and the next."""
    counted = [span for span in run.spans if span.counters is not None]
    owners = _owners(run, engine)
    times: dict[int, list[tuple[float, float]]] = {}
    heights: dict[int, list[float]] = {}
    place = 0
    for before, after in pairwise(counted):
        if after.ends <= before.ends or after.ends <= first or before.ends >= last:
            continue
        while place + 1 < len(owners) and owners[place].ends <= before.ends:
            place += 1
        if not owners:
            return
        name = _COUNTERS[engine]
        worked = getattr(after.counters, name) - getattr(before.counters, name)
        layer = run.layers[owners[place].place]
        begins = max(before.ends, first)
        times.setdefault(layer, []).append(
            ((begins - first) / 1e3, (min(after.ends, last) - begins) / 1e3)
        )
        heights.setdefault(layer, []).append(worked / (after.ends - before.ends))
    for layer, bars in times.items():
        panel.bar(
            [begin for begin, _ in bars],
            [0.8 * height for height in heights[layer]],
            [width for _, width in bars],
            bottom=_height(engine),
            align="edge",
            color=_colour(layer),
            linewidth=0,
        )


def _owners(run: StackRun, engine: Engine) -> Sequence[Span]:
    return [span for span in run.spans if span.engine is engine]


def _height(engine: Engine) -> int:
    return len(_ROWS) - 1 - _ROWS.index(engine)


def _colour(layer: int) -> str:
    return f"C{layer % 8}"
