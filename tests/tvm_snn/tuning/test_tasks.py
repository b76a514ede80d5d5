"""What is tuned, and what is told of it."""

from pathlib import Path

import pytest

from tests.networks.residual import residual_network
from tests.tvm_snn.tuning.layers import network, subset_conv2d
from tvm_snn.compiler import detect, rewrite
from tvm_snn.relay_passes import slice_batch
from tvm_snn.target import features_of, parse_target
from tvm_snn.tuning.finals import Final, Race
from tvm_snn.tuning.result import TunedLayer, TuningResult
from tvm_snn.tuning.shipped import merge
from tvm_snn.tuning.space import Point
from tvm_snn.tuning.tasks import Task, tasks_of

HOST = features_of(parse_target("host"))


def test_equal_layers_are_one_task() -> None:
    tasks = tasks_of(rewrite(detect(*network(3)), HOST))
    assert [len(task.layers) for task in tasks] == [1, 2]
    assert tasks[1].name == f"{tasks[1].layers[0]} (+1)"


def test_tasks_are_the_layers_as_they_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_batch, "WHOLE_BATCH_BYTES", 0)
    tasks = tasks_of(rewrite(detect(residual_network()), HOST))
    # Of a batch of two, one image at a time, packed: planes, rows, columns, words.
    assert tasks[0].operation.operands[0] == ("uint64", (1, 2, 8, 8, 1))


def test_tasks_of_several_networks_are_merged() -> None:
    one, other = subset_conv2d(), subset_conv2d(stride=2)
    tasks = [Task(one, ("a",)), Task(other, ("b", "c")), Task(one, ("d",))]
    assert merge(tasks) == [Task(one, ("a", "d")), Task(other, ("b", "c"))]


def races(ratio: float) -> tuple[Race, Race]:
    one = Race((ratio,) * 15, (1.0,) * 15)
    return one, one


def test_the_result_says_what_was_kept_and_what_failed() -> None:
    task = Task(subset_conv2d(), ("conv1", "conv2"))
    default, best = Point("one"), Point("two", (("tile", 4),))
    result = TuningResult(
        Path("mine.json"),
        "llvm",
        (
            TunedLayer(
                task,
                9,
                Final(default, 12.0, best, 10.0, *races(1.2)),
                failures=("a server fell silent", "no memory", "a server fell silent"),
            ),
            TunedLayer(task, 9, Final(default, 10.1, best, 10.0, *races(1.01))),
            TunedLayer(task, 9, Final(default, 10.0, default, 10.0, *races(1.0))),
            TunedLayer(task, 0, None, "not measured: no memory"),
        ),
    )
    text = str(result)
    for said in (
        "two (tile 4)",
        "1.20 times as fast",
        "within noise: no record",
        "the choice is the best measured",
        "conv1 (+1): 2 attempts failed: a server fell silent",
        "conv1 (+1): 1 attempt failed: no memory",
        "1 of 4 layers are faster than the cost model's choice; their records are in mine.json",
    ):
        assert said in text
    assert result.faults == ("conv1 (+1): not measured: no memory",)
    rows = result.data()["layers"]
    assert [row["kept"] for row in rows] == [True, False, False, False]
