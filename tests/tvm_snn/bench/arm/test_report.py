"""Tables and files of what was counted for ARM."""

import json
from pathlib import Path

from tvm_snn.bench.arm.kernels import INT8, KINDS, POPCOUNT
from tvm_snn.bench.arm.report import Row, tables
from tvm_snn.bench.results import write_results


def row(kind: str, way: str, cycles: float | None, *, chosen: bool = False) -> Row:
    return Row("cortex-a72", "256@14", kind, way, chosen, 4_000_000, cycles)


ROWS = [
    row(POPCOUNT, "", 1_500_000),
    row(INT8, "", 15_000_000),
    row(KINDS[0].name, "xnor_popcount", 1_200_000, chosen=True),
    row(KINDS[0].name, "subset_gather", 3_000_000),
]


def test_speed_is_work_over_cycles() -> None:
    assert ROWS[0].speed == 256 * 256 * 14 * 14 / 1_500_000


def test_tables_compare_what_is_chosen() -> None:
    speeds, ratios, instructions = tables(ROWS)
    assert [line[0] for line in speeds.rows][2:] == [
        "BNN W1A1, xnor_popcount",
        "BNN W1A1, subset_gather",
    ]
    assert speeds.rows[2][1].endswith("*")
    assert ratios.rows[0][:2] == [f"BNN W1A1 over {POPCOUNT}", "1.25"]
    assert [f"BNN W1A1 over {INT8}", "12.50", ""] in ratios.rows
    assert instructions.rows[0][1] == "4.00"


def test_files_hold_every_row(tmp_path: Path) -> None:
    data, text = write_results(tmp_path, "arm", {"measured": "nothing"}, ROWS, tables(ROWS))
    assert len(json.loads(data.read_text())["rows"]) == len(ROWS)
    assert "measured: nothing" in text.read_text()
