"""Tables and files of what was counted for ARM."""

import json
from pathlib import Path

from tvm_snn.bench.arm.kernels import INT8, KINDS, POPCOUNT
from tvm_snn.bench.arm.networks import FLOAT_FORM, FORMS, POPCOUNT_FORM
from tvm_snn.bench.arm.report import NetworkRow, Row, Taken, network_tables, tables
from tvm_snn.bench.results import read_rows_of, write_results


def row(kind: str, way: str, cycles: int, *, chosen: bool = False, cpu: str = "cortex-a72") -> Row:
    taken = Taken(4_000_000, cycles - 96_000, 16_000, cycles)
    return Row(cpu, "256@14", kind, way, chosen, taken)


ROWS = [
    row(POPCOUNT, "", 1_500_000),
    row(INT8, "", 15_000_000),
    row(KINDS[0].name, "xnor_popcount", 1_200_000, chosen=True),
    row(KINDS[0].name, "subset_gather", 3_000_000),
]


def test_cycles_are_shown_with_and_without_what_the_cache_lacks() -> None:
    speeds, _, alone, _, lines, _ = tables(ROWS)
    work = 256 * 256 * 14 * 14
    assert speeds.rows[0][1] == f"{work / 1_500_000:.2f}"
    assert alone.rows[0][1] == f"{work / 1_404_000:.2f}"
    assert lines.rows[0][1] == "16.0"
    assert "32 KB, is simulated: a line that it lacks adds 6 cycles" in speeds.note


def test_tables_compare_what_is_chosen() -> None:
    speeds, ratios, *_, instructions = tables(ROWS)
    assert [line[0] for line in speeds.rows][2:] == [
        "BNN W1A1, xnor_popcount",
        "BNN W1A1, subset_gather",
    ]
    assert speeds.rows[2][1].endswith("*")
    assert ratios.rows[0][:2] == [f"BNN W1A1 over {POPCOUNT}", "1.25"]
    assert [f"BNN W1A1 over {INT8}", "12.50", ""] in ratios.rows
    assert instructions.rows[0][1] == "4.00"


def test_a_processor_without_a_model_has_instructions_only() -> None:
    (table,) = tables([row(KINDS[0].name, "xnor_popcount", 1_000_000, cpu="cortex-a9")])
    assert "instructions" in table.title


def test_networks_stand_next_to_their_forms_with_1_bit_weights() -> None:
    amounts = {
        POPCOUNT_FORM.name: 30_000_000,
        FLOAT_FORM.name: 90_000_000,
        FORMS[1].name: 20_000_000,
    }
    rows = [
        NetworkRow(cpu, "resnet20", form, Taken(amount, amount // 2, 0, amount // 2))
        for cpu in ("cortex-a72", "cortex-a9")
        for form, amount in amounts.items()
    ]
    wide, narrow = network_tables(rows)
    assert wide.rows[1][1:] == ["20.00", "1.50", "4.50", "10.00", "1.50", "4.50"]
    assert narrow.rows[1][1:] == ["20.00", "1.50", "4.50"]


def test_files_hold_every_row(tmp_path: Path) -> None:
    facts = {"measured": "nothing"}
    data, text = write_results(tmp_path, "arm", facts, ROWS, tables(ROWS))
    assert len(json.loads(data.read_text())["rows"]) == len(ROWS)
    assert "measured: nothing" in text.read_text()
    assert read_rows_of(Row.from_data, tmp_path, "arm", facts) == ROWS
