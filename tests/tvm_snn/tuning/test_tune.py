"""Tuning runs from end to end, with a few trials of tiny layers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tvm_snn
from tests.tvm_snn.tuning.layers import HERE, float_network, network, subset_conv2d
from tvm_snn.errors import TargetError, TuningError
from tvm_snn.schedules.operation import Operation
from tvm_snn.schedules.records import Record, read_records, write_records
from tvm_snn.target import features_of, parse_target
from tvm_snn.tuning import builder, tune
from tvm_snn.tuning.evaluate import compare
from tvm_snn.tuning.kernel import build_kernel

COMMAND = [Path(sys.executable).with_name("tvm-snn"), "tune", f"{HERE}:network", "--trials", "4"]


def measurements(records: Path) -> list[str]:
    """The lines of the work file."""
    files = (records.parent / f"{records.name}.work").glob("*/measurements.json")
    return [line for path in files for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_a_second_run_measures_nothing_again(tmp_path: Path) -> None:
    records = tmp_path / "mine.json"
    model, inputs = network()
    first = tune(model, example_inputs=inputs, records=records, trials=2)
    assert [layer.measured for layer in first.layers] == [2]
    assert first.faults == ()
    lines = measurements(records)
    assert len(lines) == 2
    second = tune(model, example_inputs=inputs, records=records, trials=3)
    assert [layer.measured for layer in second.layers] == [3]
    assert measurements(records)[:2] == lines
    assert len(measurements(records)) == 3
    assert "of 1 layers are faster than the cost model's choice" in str(second)
    kept = sum(layer.kept for layer in second.layers)
    assert (len(read_records(records)) if records.exists() else 0) == kept


@pytest.mark.slow
def test_ctrl_c_loses_nothing(tmp_path: Path) -> None:
    records = tmp_path / "mine.json"
    command = [*COMMAND[:-1], "1000", "--records", records]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=os.getcwd()
    )
    try:
        deadline = time.monotonic() + 300
        while not measurements(records) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        # As a terminal does: to the workers, too.
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "the same call goes on" in said
    assert "Traceback" not in said
    lines = measurements(records)
    assert lines
    assert all(json.loads(line) for line in lines)


def fail(*_: Any) -> str:
    raise RuntimeError("the compiler is out of registers")


@pytest.mark.slow
def test_a_run_that_measured_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "_build", fail)
    model, inputs = network()
    with pytest.raises(TuningError, match=r"Nothing was measured: all .* out of registers"):
        tune(model, example_inputs=inputs, records=tmp_path / "mine.json", trials=2)
    assert not (tmp_path / "mine.json").exists()


def test_a_model_without_binary_layers_is_an_error(tmp_path: Path) -> None:
    model, inputs = float_network()
    with pytest.raises(TuningError, match="has no binary or sub-bit layer"):
        tune(model, example_inputs=inputs, records=tmp_path / "mine.json")


def test_what_can_be_wrong_is_found_before_the_work(tmp_path: Path) -> None:
    records = tmp_path / "mine.json"
    for wrong, error in (
        ({"runner": "remote"}, TuningError),
        ({"threads": 0}, TuningError),
        ({"target": "toaster"}, TargetError),
        ({"target": "llvm -mcpu=cortex-a72"}, TargetError),
        ({"records": tmp_path / "missing" / "mine.json"}, tvm_snn.RecordsError),
    ):
        with pytest.raises(error):
            tune(None, **{"records": records, **wrong})
    records.write_text("no JSON")
    with pytest.raises(tvm_snn.RecordsError, match="are no JSON"):
        tune(None, records=records)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tvm_snn.tuning.find_spec", lambda name: None if name == "psutil" else name)
    with pytest.raises(TuningError, match=r'needs psutil.*pip install "tvm_snn\[tune\]"'):
        tune(None, records=tmp_path / "mine.json")


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """The same layer with two strides, built."""
    folder = tmp_path_factory.mktemp("libraries")
    target, paths = parse_target("host"), {}
    for stride in (1, 2):
        path = folder / f"{stride}.so"
        operation = subset_conv2d(stride=stride)
        path.write_bytes(build_kernel(operation, "xnor_popcount", {}, target))
        paths[stride] = str(path)
    return paths


def test_kernels_are_measured_in_turns(libraries: dict[int, str]) -> None:
    times = compare([libraries[1]] * 2, subset_conv2d().data(), 3, 1, None)
    assert [[len(own) for own in both] for both in times] == [[3, 3], [3, 3]]
    assert all(second > 0 for both in times for own in both for second in own)


def test_a_kernel_of_another_layer_is_caught(libraries: dict[int, str], tmp_path: Path) -> None:
    other = tmp_path / "other.so"
    padded = Operation(
        "snn.subset_conv2d",
        subset_conv2d().operands,
        tuple(
            sorted(
                (dict(subset_conv2d().attrs) | {"dilation": (2, 2), "padding": (2,) * 4}).items()
            )
        ),
    )
    other.write_bytes(build_kernel(padded, "xnor_popcount", {}, parse_target("host")))
    with pytest.raises(TuningError, match=r"wrong result of kernel 1: \d+ of 588 values differ"):
        compare([libraries[1], str(other)], subset_conv2d().data(), 3, 1, None)


def test_compile_takes_records_and_says_so(tmp_path: Path) -> None:
    model, inputs = network()
    plain = tvm_snn.compile(model, example_inputs=inputs)
    (row,) = plain.report().binary_rows
    assert row.strategy_reason.startswith("cost model: ")
    operation = _operation_of(model, inputs)
    features = features_of(parse_target("host"))
    strategies = ("xnor_popcount", "subset_gather")
    other = next(name for name in strategies if name != row.strategy)
    record = Record(
        operation, features, other, {}, 10.0, row.strategy, 12.0, "host", 1, "here", "today", {}
    )
    write_records(tmp_path / "mine.json", [record])
    tuned = tvm_snn.compile(model, example_inputs=inputs, records=tmp_path / "mine.json")
    (row,) = tuned.report().binary_rows
    assert row.strategy == other
    assert row.strategy_reason.startswith("tuned record of today: 1.20 times as fast as ")
    x = np.random.default_rng(0).normal(size=inputs[0].shape).astype(np.float32)
    np.testing.assert_allclose(tuned(x), plain(x), rtol=1e-5, atol=1e-5)


def _operation_of(model: Any, inputs: Any) -> Operation:
    from tvm_snn.compiler import detect, rewrite
    from tvm_snn.tuning.tasks import tasks_of

    (task,) = tasks_of(rewrite(detect(model, inputs), features_of(parse_target("host"))))
    return task.operation
