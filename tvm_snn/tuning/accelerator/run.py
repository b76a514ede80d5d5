"""The main path of tuning for the accelerator: layer by layer, what takes fewer cycles is kept."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...compiler import detect
from ...errors import RecordsError, TuningError
from ...offload import Offload, trunk_samples
from ...progress import phase
from ...target.vta.codegen.layer import Layer
from ...target.vta.codegen.plan import PlannedLayer
from ...target.vta.codegen.tiling import Cut
from ...target.vta.codegen.tuned import (
    Situation,
    TilingRecord,
    Tilings,
    read_tilings,
    write_tilings,
)
from ...target.vta.configuration import Configuration
from ...target.vta.simulator.rtl import RtlSimulator
from ...version import __version__
from .meter import Meter
from .result import TilingResult, TunedTiling
from .search import search_tiling

RUNNERS = {"local": "rtl", "model": "model"}
"""By the runner's name, what counts cycles."""


def tune_accelerator(
    model: Any,
    hardware: Configuration,
    example_inputs: Sequence[Any] | None,
    records: str | Path,
    trials: int,
    runner: str,
    seed: int,
) -> TilingResult:
    """Do what :func:`tvm_snn.tune` says for a target with an accelerator."""
    path = Path(records)
    if runner not in RUNNERS:
        raise TuningError(
            f"An accelerator is tuned with the runner {' or '.join(RUNNERS)}, not {runner!r}: "
            "its cycles are counted in simulation."
        )
    if not path.exists() and not path.parent.is_dir():
        raise RecordsError(f"Cannot write {path}: there is no folder {path.parent}.")
    there = read_tilings(path) if path.exists() else []
    detected = detect(model, example_inputs)
    offload = Offload(hardware, samples=trunk_samples(detected.inputs, example_inputs))
    _, parts = offload.divide(detected.module, detected.layers)
    regions = [region.layers for region in parts.regions]
    if not regions:
        raise TuningError(
            f"The accelerator {hardware.name!r} computes no layer of the model, so there is "
            "nothing to tune. The report of `tvm_snn.compile` says for each layer why not."
        )
    return tune_regions(regions, hardware, path, there, trials, RUNNERS[runner], seed)


def tune_regions(
    regions: Sequence[Sequence[Layer]],
    hardware: Configuration,
    path: Path,
    there: Sequence[TilingRecord],
    trials: int,
    counted_by: str,
    seed: int,
) -> TilingResult:
    """Tune the layers of each region; `there` are the records that `path` holds already.

    What wins is written at once. Layers in the same situation are cut alike and tuned where the
    first of them is; the others gain, or lose, with it: their region is counted as a whole.
    """
    rtl = None
    if counted_by == "rtl":
        with phase("compiling the RTL"):
            rtl = RtlSimulator(hardware)
    tilings = Tilings((r.situation, r.cut) for r in there if _is_for(r, hardware))
    kept = list(there)
    rows: list[TunedTiling] = []
    done: set[Situation] = set()
    for layers in regions:
        meter = Meter(layers, hardware, rtl)
        for planned, names in _kinds(meter.planned(tilings), done):
            with phase(f"tuning layer {names[0]}: counting cycles"):
                found = search_tiling(planned, meter, tilings, trials, seed)
            situation, best = planned.situation, found.best
            done.add(situation)
            tilings = tilings.with_cut(situation, best)
            others = [record for record in kept if record.situation != situation]
            cycles = found.cycles[best] if best is not None else found.default_cycles
            if best is not None:
                others.append(
                    _record(situation, best, cycles, found.default_cycles, counted_by, hardware)
                )
            if others != kept:
                kept = others
                write_tilings(path, kept)
            failures, default = tuple(found.failures), found.default_cycles
            rows.append(
                TunedTiling(tuple(names), len(found.cycles), failures, default, cycles, best)
            )
    return TilingResult(path, hardware.name, counted_by, tuple(rows))


def _kinds(
    planned: Sequence[PlannedLayer], done: set[Situation]
) -> Iterator[tuple[PlannedLayer, list[str]]]:
    """Yield the first layer of each situation that is not done, with the names of all in it."""
    names: dict[Situation, list[str]] = {}
    for one in planned:
        names.setdefault(one.situation, []).append(one.layer.name)
    first = {one.situation: one for one in reversed(planned)}
    for situation, layers in names.items():
        if situation not in done:
            yield first[situation], layers


def _is_for(record: TilingRecord, hardware: Configuration) -> bool:
    return record.situation.accelerator == hardware.identity


def _record(
    situation: Situation,
    cut: Cut,
    cycles: int,
    default_cycles: int,
    counted_by: str,
    hardware: Configuration,
) -> TilingRecord:
    return TilingRecord(
        situation=situation,
        cut=cut,
        cycles=cycles,
        default_cycles=default_cycles,
        counted_by=counted_by,
        accelerator=hardware.name,
        date=datetime.now(UTC).date().isoformat(),
        versions={"tvm_snn": __version__, "xgboost": version("xgboost")},
    )
