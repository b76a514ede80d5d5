import io
import json

import pytest
from rich.console import Console

from tests.tvm_snn.bench.measured import every_layer, ours, row
from tvm_snn import SnnError
from tvm_snn.bench.goals import ratios_of
from tvm_snn.bench.layer_tables import all_contenders, layer_tables
from tvm_snn.bench.layers_of_resnet18 import LAYERS
from tvm_snn.bench.machine import machine
from tvm_snn.bench.network_tables import all_engines, network_tables
from tvm_snn.bench.results import read_rows, write_results
from tvm_snn.bench.table import Table

ROWS = [
    *every_layer(ours, "SNN W1A1", 90.0),
    *every_layer(ours, "SNN W1A1", 80.0, kernel="gather", chosen=False),
    *every_layer(row, "float32", 1400.0, engine="OpenVINO", kernel="brgconv"),
]
NETWORK = "resnet20 W1A1, batch 1"
NETWORKS = [
    ours(NETWORK, "time to compile, tau 5", 12e6),
    ours(NETWORK, "compiled, tau 5", 500.0),
    ours(NETWORK, "compiled, 1 bit", 1000.0),
    row(NETWORK, "float32", 3000.0),
    row(NETWORK, "float32", 2000.0, engine="OpenVINO"),
]


def test_layers_show_the_fastest_and_the_sum() -> None:
    (table,) = layer_tables(ROWS)
    assert table.header == ["layer", "SNN W1A1", "float32, others"]
    assert table.rows[0] == ["64@56", "80 gather", "1400 OpenVINO"]
    assert table.rows[-1] == ["all 16", str(16 * 80), str(16 * 1400)]
    (table,) = layer_tables([row for row in ROWS if row.subject != "64@56"])
    assert [cells[0] for cells in table.rows] == list(LAYERS)[1:], "no sum of some layers"


def test_every_number_of_threads_has_its_table() -> None:
    rows = [*ROWS, *every_layer(ours, "SNN W1A1", 50.0, threads=2)]
    assert ["2 threads" in table.title for table in layer_tables(rows)] == [False, True]


def test_networks_show_the_fastest_of_others_and_the_ratio() -> None:
    (table,) = network_tables(NETWORKS)
    assert table.header == ["network", "compiled in, s", "tvm_snn", "best float32"]
    assert table.rows == [
        [f"{NETWORK}, tau 5", "12", "0.50", "2.00 OpenVINO (4.00)"],
        [f"{NETWORK}, 1 bit", "", "1.00", "2.00 OpenVINO (2.00)"],
    ]


def test_everything_is_listed() -> None:
    table = all_contenders(ROWS[:1] + ROWS[-1:])
    assert table.rows[0][2] == "tvm_snn lookup, AVX-512 *"
    assert table.rows[1][2] == "OpenVINO brgconv"
    assert len(all_engines(NETWORKS).rows) == len(NETWORKS)


def test_markdown_and_terminal() -> None:
    table = Table("Title", ["name", "x"], [["a", "1"]], "A note.")
    assert table.markdown() == ("## Title\n\n| name | x |\n| --- | ---: |\n| a | 1 |\n\nA note.\n")
    stream = io.StringIO()
    Console(file=stream, width=60).print(table.rich())
    assert all(text in stream.getvalue() for text in ("Title", "name", "A note."))


def test_files(tmp_path) -> None:
    folder = tmp_path / "new" / "results"
    written = write_results(folder, "layers", machine(), ROWS, layer_tables(ROWS))
    written += write_results(folder, "goals", machine(), ratios_of(ROWS), [])
    assert [path.name for path in written] == ["layers.json", "layers.md", "goals.json", "goals.md"]
    data = json.loads((folder / "layers.json").read_text())
    assert data["rows"][0]["microseconds"]["median"] == 90.0
    assert {"date", "processor", "tvm_snn", "openvino"} <= set(data["facts"])
    assert "processor: " in (folder / "layers.md").read_text()
    assert json.loads((folder / "goals.json").read_text())["rows"][0]["goal"] == 15.0


def test_a_folder_that_cannot_be_written(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SnnError, match="Cannot write to"):
        write_results(tmp_path / "file", "layers", {}, [], [])


def test_rows_come_back_from_a_file(tmp_path) -> None:
    assert read_rows(tmp_path, "layers", machine()) == []
    write_results(tmp_path, "layers", machine() | {"date": "long ago"}, ROWS, [])
    assert read_rows(tmp_path, "layers", machine()) == ROWS


def test_rows_of_another_machine_are_refused(tmp_path) -> None:
    write_results(tmp_path, "layers", machine() | {"processor": "another"}, ROWS, [])
    with pytest.raises(SnnError, match=r"under other conditions \(processor\)"):
        read_rows(tmp_path, "layers", machine())


@pytest.mark.parametrize("text", ["", "[]", '{"facts": {}, "rows": [{}]}'])
def test_damaged_results_are_named(tmp_path, text: str) -> None:
    (tmp_path / "layers.json").write_text(text)
    with pytest.raises(SnnError, match=r"layers\.json holds no rows"):
        read_rows(tmp_path, "layers", machine())


def test_without_amx_engines_count_that_make_no_use_of_it() -> None:
    rows = [
        *every_layer(ours, "SNN W1A1", 90.0),
        *every_layer(row, "int8", 50.0, engine="OpenVINO"),
        *every_layer(row, "int8", 300.0),
    ]
    (table,) = layer_tables(rows)
    assert table.header[2:] == ["int8, others"], "a machine that has none"
    rows += every_layer(row, "int8 without AMX", 400.0, engine="OpenVINO without AMX")
    (table,) = layer_tables(rows)
    assert table.header[2:] == ["int8, others", "int8 without AMX, others"]
    assert table.rows[0][2:] == ["50 OpenVINO", "300 onnxruntime"]
