import numpy as np
import pytest

from tests.tvm_snn.bench.measured import silent
from tvm_snn.bench import timing
from tvm_snn.bench.timing import Contender, Timing, interleaved, quietest


@pytest.fixture(autouse=True)
def short_turns(monkeypatch) -> None:
    """One run a turn."""
    monkeypatch.setattr(timing, "_WARM", 0.0)
    monkeypatch.setattr(timing, "_TURN", 0.0)


def test_contenders_take_turns_and_warm_up_first() -> None:
    order = []
    contenders = {
        name: Contender(lambda name=name: order.append(name), lambda: np.zeros(1)) for name in "ab"
    }
    timings = interleaved(contenders, 3, silent())
    assert "".join(order) == "aabb" * 3
    assert all(timing.best > 0 for timing in timings.values())


def test_what_an_engine_reports_counts_instead_of_the_clock() -> None:
    times = iter(range(100))
    contender = Contender(lambda: None, lambda: np.zeros(1), lambda: float(next(times)))
    found = interleaved({"a": contender}, 3, silent())["a"]
    # Every second run is for warming up.
    assert (found.best, found.median) == (1.0, 3.0)


def test_the_summary() -> None:
    assert Timing.of([4.0, 1.0, 2.0, 3.0, 5.0]) == Timing(1.0, 3.0, 1.5, 4.5)
    assert Timing.of([7.0]) == Timing(7.0, 7.0, 7.0, 7.0)
    assert Timing.sum([Timing(1, 2, 3, 4), Timing(10, 20, 30, 40)]) == Timing(11, 22, 33, 44)


def test_of_many_rounds_the_quietest_third_counts() -> None:
    assert quietest([9.0] * 7 + [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0] + [8.0] * 6).median == 2.0
    assert quietest([9.0, 1.0, 9.0, 9.0]).median == 9.0, "too few to cut"


def test_slow_contenders_get_fewer_rounds(monkeypatch) -> None:
    monkeypatch.setattr(timing, "_PATIENCE", 0.0)
    calls: list[int] = []
    interleaved({"a": Contender(lambda: calls.append(1), lambda: np.zeros(1))}, 50, silent())
    assert len(calls) == 10, "five rounds, each after a run that warms up"
