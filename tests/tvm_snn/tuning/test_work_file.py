"""The work file survives what may happen to it."""

from pathlib import Path

import pytest
import tvm
from tvm import s_tir
from tvm.s_tir import meta_schedule as ms

from tests.tvm_snn.tuning.layers import subset_conv2d
from tvm_snn.errors import TuningError
from tvm_snn.target import parse_target
from tvm_snn.tuning.space import Region, draw, workload
from tvm_snn.tuning.work_file import open_work_file

AVX2 = parse_target("llvm -mcpu=haswell")
REGION = Region("one", (("tile", (1, 2, 3)),))


def fill(records: Path) -> Path:
    """Write three measurements; returns the folder."""
    database = open_work_file(records, AVX2, "local", 1)
    module = tvm.IRModule({"main": workload(subset_conv2d()).with_attr("global_symbol", "main")})
    stored = database.commit_workload(module)
    for _, numbers in REGION.points():
        schedule = draw(s_tir.Schedule(module), REGION, numbers)
        arguments = ms.arg_info.ArgInfo.from_entry_func(module)
        database.commit_tuning_record(
            ms.database.TuningRecord(schedule.trace, stored, [1e-3], AVX2, arguments)
        )
    (folder,) = (records.parent / f"{records.name}.work").iterdir()
    return folder


def test_measurements_are_there_again(tmp_path: Path) -> None:
    fill(tmp_path / "mine.json")
    assert len(open_work_file(tmp_path / "mine.json", AVX2, "local", 1)) == 3


def test_each_target_place_and_number_of_threads_has_its_own(tmp_path: Path) -> None:
    records = tmp_path / "mine.json"
    fill(records)
    assert len(open_work_file(records, parse_target("llvm -mcpu=skylake"), "local", 1)) == 0
    assert len(open_work_file(records, AVX2, "tracker:9190/board", 1)) == 0
    assert len(open_work_file(records, AVX2, "local", 2)) == 0


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_line_that_was_cut_costs_one_measurement_at_most(tmp_path: Path, cut: int) -> None:
    records = tmp_path / "mine.json"
    measurements = fill(records) / "measurements.json"
    measurements.write_bytes(measurements.read_bytes()[:-cut])
    kept = 3 if cut == 1 else 2
    assert len(open_work_file(records, AVX2, "local", 1)) == kept
    assert measurements.read_text().count("\n") == kept


def test_a_damaged_work_file_is_named(tmp_path: Path) -> None:
    records = tmp_path / "mine.json"
    folder = fill(records)
    (folder / "measurements.json").write_text('[0, "nonsense"]\n')
    with pytest.raises(TuningError, match=r"is damaged.*Delete it") as caught:
        open_work_file(records, AVX2, "local", 1)
    assert str(folder) in str(caught.value)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mine.json.work").write_text("")
    with pytest.raises(TuningError, match="Cannot write the work file"):
        open_work_file(tmp_path / "mine.json", AVX2, "local", 1)
