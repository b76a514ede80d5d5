"""The search for tilings finds what takes fewer cycles, and writes it where compiling finds it."""

from dataclasses import replace

import numpy as np
import pytest

from tvm_snn.errors import RecordsError
from tvm_snn.target.vta.codegen.generate import generate
from tvm_snn.target.vta.codegen.layer import Layer
from tvm_snn.target.vta.codegen.tuned import Tilings, load_tilings, read_tilings
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.cycle_model import predicted_cycles
from tvm_snn.target.vta.isa.instruction_set import Plane
from tvm_snn.tuning.accelerator.meter import Meter
from tvm_snn.tuning.accelerator.run import tune_regions
from tvm_snn.tuning.accelerator.search import FoundTiling, options_of, rank, search_tiling

TINY = load_configuration("tiny")
SMALL = replace(TINY, name="small", activation_lines=96, index_lines=64, plane_lines=128)
"""So small that layers have to be cut."""

ESTIMATED = Tilings()


def _layer() -> Layer:
    rng = np.random.default_rng(0)
    indices, subset = rng.integers(0, 8, (24, 16)), rng.permutation(512)[:8][None]
    return Layer("conv", 9, 9, indices, 3, subset, plane=Plane.ACCUMULATOR)


def test_a_search_counts_as_many_cuts_as_it_may_and_each_once():
    meter = Meter([_layer()], SMALL, None)
    (planned,) = meter.planned(ESTIMATED)

    found = search_tiling(planned, meter, ESTIMATED, trials=20, seed=0)

    assert len(found.cycles) == 20 < len(planned.tilings())
    assert found.default_cycles == meter.cycles(ESTIMATED)
    for cut, cycles in list(found.cycles.items())[:3]:
        assert meter.cycles(ESTIMATED.with_cut(planned.situation, cut)) == cycles


def test_what_was_counted_ranks_what_was_not():
    meter = Meter([_layer()], SMALL, None)
    (planned,) = meter.planned(ESTIMATED)
    whole = search_tiling(planned, meter, ESTIMATED, trials=1000, seed=0)
    options = options_of(planned)
    order = np.random.default_rng(0).permutation(len(options))
    points = [list(options)[i] for i in order]
    known, rest = points[: len(points) // 2], points[len(points) // 2 :]
    half = FoundTiling(
        whole.default_cycles, {options[p].cut: whole.cycles[options[p].cut] for p in known}
    )

    scores = np.array(rank(rest, options, planned, half, 0))

    cycles = np.array([whole.cycles[options[point].cut] for point in rest])
    better = cycles < np.median(cycles)
    assert np.mean(cycles[scores > np.median(scores)]) < np.mean(cycles)
    assert np.mean(better[scores > np.median(scores)]) > 0.6


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """Return a file of the tilings for the layer."""
    path = tmp_path_factory.mktemp("tuned") / "tilings.json"
    tune_regions([[_layer()]], SMALL, path, [], 100, "model", 0)
    return path


def test_what_wins_is_written_found_and_takes_the_cycles_that_were_counted(tmp_path):
    layers, path = [_layer()], tmp_path / "tilings.json"

    result = tune_regions([layers], SMALL, path, [], 100, "model", 0)

    (row,) = result.layers
    assert (row.best is not None) == (row.cycles < row.default_cycles) == path.exists()
    assert row.best is not None, "the layer was chosen so that the estimate misses the best"
    tilings = load_tilings(path, SMALL)
    program = generate(layers, SMALL, tilings)
    assert predicted_cycles(program.instructions, SMALL) == row.cycles
    assert program.planned[0].tiling.cut == row.best
    assert "1 of 1 kinds of layers" in str(result)


def test_tuning_again_keeps_other_records_and_replaces_its_own(tuned, tmp_path):
    path, (own,) = tmp_path / "tilings.json", read_tilings(tuned)
    other = replace(own, accelerator="another", situation=replace(own.situation, accelerator=1))
    earlier = replace(own, cycles=own.cycles - 1)

    tune_regions([[_layer()]], SMALL, path, [earlier, other], 100, "model", 0)

    assert read_tilings(path) == [other, own]


def test_tilings_for_another_accelerator_are_refused(tuned):
    with pytest.raises(RecordsError, match="other accelerators: small"):
        load_tilings(tuned, TINY)
    with pytest.raises(RecordsError, match="target's is none"):
        load_tilings(tuned, None)
