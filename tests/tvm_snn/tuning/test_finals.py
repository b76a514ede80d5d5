"""Which point wins, and what becomes of its record."""

from pathlib import Path
from typing import Any

import pytest

from tests.tvm_snn.tuning.layers import subset_conv2d
from tvm_snn.errors import TuningError
from tvm_snn.schedules.records import read_records
from tvm_snn.schedules.strategy import candidates
from tvm_snn.tuning import run
from tvm_snn.tuning.evaluate import Times
from tvm_snn.tuning.finals import Final, Race
from tvm_snn.tuning.kernel import measured_call
from tvm_snn.tuning.runners import parse_place
from tvm_snn.tuning.session import Found
from tvm_snn.tuning.space import Point
from tvm_snn.tuning.tasks import Task

OPERATION = subset_conv2d("uint64", "NHWC")
TASK = Task(OPERATION, ("conv1", "conv2"))


class Future:
    """What is built already."""

    def __init__(self, path: str) -> None:
        self.path = path

    def result(self) -> str:
        return self.path


class Built:
    """In the place of the processes that compile: the path of a library is its point's name."""

    def submit(self, _operation: object, point: Point) -> Future:
        return Future(str(point))


def timed(**seconds: float) -> Any:
    """A comparison in which the strategies take so long."""

    def comparer(_operation: object, paths: list[str], rounds: int) -> list[Times]:
        return [([seconds[path]] * rounds, [2 * seconds[path]] * rounds) for path in paths]

    return comparer


@pytest.fixture
def setting(tmp_path: Path) -> Any:
    return run.make_setting("llvm -mcpu=haswell", tmp_path / "mine.json", "local", 1, 0)


@pytest.fixture
def names(setting: Any) -> list[str]:
    """The able strategies; the first is the default."""
    return [s.name for s in candidates(measured_call(OPERATION), setting.features)]


def finish(setting: Any, names: list[str], comparer: Any) -> Any:
    found = Found({Point(name): 1.0 for name in names}, [])
    return run._finish(TASK, found, Built(), comparer, setting)


def test_what_beats_the_default_becomes_a_record(setting: Any, names: list[str]) -> None:
    layer = finish(setting, names[:2], timed(**{names[0]: 2e-5, names[1]: 1e-5}))
    assert layer.kept
    (record,) = read_records(setting.work)
    assert (record.strategy, record.default_strategy) == (names[1], names[0])
    assert (record.microseconds, record.default_microseconds) == (10, 20)
    assert record.operation == OPERATION
    assert record.threads == 1


def test_what_is_hardly_faster_does_not(setting: Any, names: list[str]) -> None:
    layer = finish(setting, names[:2], timed(**{names[0]: 1.01e-5, names[1]: 1e-5}))
    assert not layer.kept
    assert not setting.work.exists()


def test_a_record_that_no_longer_wins_is_taken_away(setting: Any, names: list[str]) -> None:
    finish(setting, names[:2], timed(**{names[0]: 2e-5, names[1]: 1e-5}))
    finish(setting, names[:1], timed(**{names[0]: 1e-5, names[1]: 1e-5}))
    assert read_records(setting.work) == ()


def test_a_wrong_result_is_named_by_its_point(setting: Any, names: list[str]) -> None:
    def wrong(*_: object) -> None:
        raise TuningError("wrong result of kernel 2: 3 of 9 values differ")

    layer = finish(setting, names[:2], wrong)
    assert layer.fault == f"{names[1]} gives a wrong result: 3 of 9 values differ"
    assert not layer.kept


def race(*ratios: float, same: tuple[float, ...] = (1.0,) * 31) -> Race:
    return Race(ratios, same)


def final(warm: Race, cold: Race) -> Final:
    return Final(Point("one"), 10.0, Point("two"), 9.0, warm, cold)


def test_it_wins_by_the_margin_warm_and_cold() -> None:
    fast, hardly = race(*[1.1] * 31), race(*[1.01] * 31)
    assert final(fast, fast).wins
    assert not final(fast, hardly).wins
    assert not final(hardly, fast).wins
    assert not Final(Point("one"), 10.0, Point("one"), 10.0, fast, fast).wins


def test_noise_is_how_far_the_default_is_from_itself() -> None:
    biased = race(*[1.1] * 31, same=(1.1,) * 31)
    assert biased.noise == pytest.approx(0.1)
    spread = tuple(1 + (i - 15) / 100 for i in range(31))
    # The quartiles are 0.16 apart.
    assert race(1.1, same=spread).noise == pytest.approx(3 * 1.25 * 0.16 / 1.35 / 31**0.5)
    assert race(1.09, same=spread).won
    assert not race(1.07, same=spread).won


def test_points_that_were_slower_in_the_search_are_left_out(setting: Any, names: list[str]) -> None:
    found = Found({Point(names[0]): 1e-5, Point(names[1]): 2e-5}, [])
    layer = run._finish(TASK, found, Built(), timed(), setting)
    assert layer.final is not None
    assert layer.final.best == layer.final.default == Point(names[0])
    assert layer.final.microseconds == pytest.approx(10)


@pytest.mark.parametrize(
    ("runner", "message"),
    [
        ("remote", "is not understood"),
        ("rpc://host/key", "is not understood"),
        ("rpc://127.0.0.1:1/key", "No RPC tracker answers"),
    ],
)
def test_a_runner_that_cannot_be_taken(runner: str, message: str) -> None:
    with pytest.raises(TuningError, match=message):
        parse_place(runner)
