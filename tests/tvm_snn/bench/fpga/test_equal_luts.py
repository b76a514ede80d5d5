"""Sub-bit hardware against binary hardware of other size."""

from dataclasses import replace

from tvm_snn.bench.fpga.equal_luts import Side, equal_lut_table, lookup_tables, sub_bit_kinds
from tvm_snn.bench.fpga.runs import LayerRow
from tvm_snn.bench.fpga.stacks import BNN, NEGATION, TAU5
from tvm_snn.target.vta.configuration import load_configuration


def _side(name, lut, kind, cycles, bound=None):
    row = LayerRow("resnet18", False, kind.name, "1.1", 1, cycles, bound or cycles, None)
    return Side(name, lut, (row,))


def test_what_binary_convolutions_leave_idle_does_not_count_against_them():
    modules = {
        "accelerator": {"LUT6": 100, "FDRE": 7},
        "$paramod$ab\\response_engine": {"LUT6": 20},
        "$paramod$cd\\response_file": {"RAM32M": 2},
        "$paramod$ef\\lanes": {"LUT6": 30},
    }

    assert lookup_tables(modules, binary_only=False) == 100
    assert lookup_tables(modules, binary_only=True) == 72


def test_a_speed_up_is_divided_by_the_size():
    table = equal_lut_table(
        _side("binary", 30_000, BNN, 1000, bound=900), _side("sub-bit", 36_000, NEGATION, 300)
    )

    first, second = (list(row) for row in table.rows)
    assert first[1:4] == ["30,000", "1,000", ""]
    assert second[1:8] == ["36,000", "300", "3.33", "2.78", "2.5", "yes", "2.50"]
    slower = equal_lut_table(
        _side("binary", 30_000, BNN, 1000), _side("sub-bit", 45_000, NEGATION, 300)
    )
    assert list(slower.rows[1][4:7]) == ["2.22", "2.5", "no"]


def test_kinds_are_those_that_fit():
    pynq = load_configuration("pynq-z2")

    assert sub_bit_kinds(pynq) == [TAU5, NEGATION]
    assert sub_bit_kinds(replace(pynq, responses=16)) == [NEGATION]
