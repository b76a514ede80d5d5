"""`tvm-snn tune` with the work done by a stand-in."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tvm_snn.cli.conftest import failure, tvm_snn
from tests.tvm_snn.cli.factories import HERE
from tests.tvm_snn.tuning.layers import subset_conv2d
from tvm_snn.tuning.result import TunedLayer, TuningResult
from tvm_snn.tuning.tasks import Task

MODEL = f"{HERE}:network_with_inputs"


def stand_in(monkeypatch: pytest.MonkeyPatch, tune: Any) -> None:
    # In the package, the module's name stands for the command.
    monkeypatch.setattr(sys.modules["tvm_snn.cli.tune_command"], "tune", tune)


def result(*layers: TunedLayer) -> TuningResult:
    return TuningResult(Path("mine.json"), "llvm", layers)


def test_options_reach_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def tune(_model: Any, target: str, **options: Any) -> TuningResult:
        seen.update(options, target=target)
        return result()

    stand_in(monkeypatch, tune)
    records = tmp_path / "mine.json"
    options = ("--target", "llvm -mcpu=haswell", "--trials", 7, "--threads", 2, "--seed", 3)
    done = tvm_snn("tune", MODEL, "--records", records, *options, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["layers"] == []
    expected = {"records": records, "trials": 7, "threads": 2, "seed": 3, "runner": "local"}
    assert {name: seen[name] for name in expected} == expected
    assert seen["target"] == "llvm -mcpu=haswell"


def test_a_layer_that_was_not_measured_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    layer = TunedLayer(Task(subset_conv2d(), ("conv",)), 0, None, "not measured: no memory")
    stand_in(monkeypatch, lambda *_, **__: result(layer))
    done = tvm_snn("tune", MODEL, "--records", tmp_path / "mine.json")
    assert done.exit_code == 1
    assert "tvm-snn: conv: not measured: no memory" in done.stderr


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt("Stopped. What was measured is kept.")

    stand_in(monkeypatch, stopped)
    said = failure("tune", MODEL, "--records", tmp_path / "mine.json", status=130)
    assert said == "tvm-snn: Stopped. What was measured is kept."


def test_what_cannot_be_done_is_said_before_the_work(tmp_path: Path) -> None:
    records = ("--records", tmp_path / "mine.json")
    assert "there is no folder" in failure("tune", MODEL, "--records", tmp_path / "a" / "b.json")
    assert "is not understood" in failure("tune", MODEL, *records, "--runner", "remote")
    assert "x>=1" in failure("tune", MODEL, *records, "--trials", 0, status=2)
    assert "--records" in failure("tune", MODEL, status=2)
    (tmp_path / "mine.json").write_text("{}")
    assert "RecordsError" in failure("tune", MODEL, *records)
    compiled = ("-o", tmp_path / "net.snn", *records)
    assert "RecordsError" in failure("compile", MODEL, *compiled)


def test_tilings_are_tuned_for_a_target_with_an_accelerator(tmp_path: Path) -> None:
    options = ("--target", "tiny", "--runner", "model", "--trials", 14)
    done = tvm_snn("tune", MODEL, "--records", tmp_path / "tilings.json", *options)
    assert done.exit_code == 0, done.output
    assert "1 kinds of layers take fewer cycles (by the cycle model)" in done.stdout
