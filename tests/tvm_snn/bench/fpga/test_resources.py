"""Resources and clocks as tables."""

from tvm_snn.bench.fpga.resources import clock_table, module_rows, resource_tables
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.placement import read_report

TINY = load_configuration("tiny")


def test_the_tables_say_what_part_of_the_device_is_used_and_by_what():
    whole = {"LUT6": 26_600, "RAMB36E1": 14}
    modules = {"accelerator": whole, "$paramod$0a\\lanes": {"LUT6": 20_000}, "small": {"LUT6": 1}}

    device, parts = resource_tables(TINY, module_rows(TINY, modules))

    rows = {row[0]: list(row[1:]) for row in device.rows}
    assert rows["LUT"] == ["26,600", "53,200", "50.0 %"]
    assert rows["BRAM36"] == ["14", "140", "10.0 %"]
    assert [row[:2] for row in parts.rows] == [["lanes", "20,000"]]


def test_the_slowest_clock_of_a_report_counts():
    report = {
        "fmax": {"a": {"achieved": 61.5, "constraint": 100}, "b": {"achieved": 50.25}},
        "utilization": {
            "TRELLIS_COMB": {"used": 8364, "available": 83640},
            "DCUA": {"used": 0, "available": 4},
        },
    }

    rows = clock_table(TINY, read_report(report)).rows

    assert rows == [["Fmax, MHz", "50.2"], ["TRELLIS_COMB", "8,364 of 83,640 (10%)"]]
