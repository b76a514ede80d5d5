"""The tables of the accelerator's report."""

from dataclasses import asdict

from tvm_snn.bench.fpga.runs import LayerRow
from tvm_snn.bench.fpga.stacks import BNN, NEGATION
from tvm_snn.bench.fpga.tables import tables_of, utilisation
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.simulator.rtl import Counters

PAPER = load_configuration("paper-64pe")


def _row(kind, stage, cycles, responding=0, gathering=0):
    names = asdict(Counters(*[0] * 12))
    counted = Counters(**names | {"cycles": cycles, "responding": responding})
    counted = Counters(**asdict(counted) | {"gathering": gathering})
    return LayerRow("resnet18", False, kind.name, f"{stage}.1", stage, cycles, cycles / 2, counted)


ROWS = [
    _row(BNN, 1, 600, gathering=600),
    _row(BNN, 2, 600, gathering=540),
    _row(NEGATION, 1, 150, responding=140, gathering=70),
    _row(NEGATION, 2, 50, responding=10, gathering=30),
]


def test_ratios_are_those_of_cycles_and_say_what_was_not_reached():
    goals, cycles, *_ = tables_of(ROWS, PAPER)

    (row,) = goals.rows
    assert list(row[1:6]) == ["200", "1,200", "6.00", "6.0", "yes"]
    assert list(row[6:]) == ["85.0%", "85%", "yes"]
    slower = [*ROWS[:3], _row(NEGATION, 2, 51, gathering=29)]
    assert list(tables_of(slower, PAPER)[0].rows[0][5:]) == ["no", "84.1%", "85%", "no"]
    lines = {line[0]: line[1:] for line in cycles.rows}
    assert lines["stage 1"] == ["600", "50.0%", "150", "4.00", "50.0%"]
    assert lines["all"] == ["1,200", "50.0%", "200", "6.00", "50.0%"]


def test_the_busier_engine_is_chosen_layer_by_layer():
    assert utilisation(ROWS[2:]) == (140 + 30) / 200


def test_without_counters_and_without_bnn_mode_nothing_is_made_up():
    bare = [LayerRow(**{**row.__dict__, "counted": None}) for row in ROWS[2:]]

    titles = [table.title for table in tables_of(bare, PAPER)]

    assert not any("engines" in title or "BNN" in title for title in titles)
