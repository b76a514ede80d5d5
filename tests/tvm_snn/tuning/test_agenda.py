"""The order in which points are measured."""

from collections.abc import Sequence

import pytest

from tvm_snn.tuning.agenda import Agenda
from tvm_snn.tuning.space import Point

OWN = [Point("one"), Point("two")]
KNOBS = [Point("one", (("tile", tile),)) for tile in range(40)]


def rank(points: Sequence[Point]) -> list[float]:
    return [float(point.config["tile"]) for point in points]


def no_rank(_points: Sequence[Point]) -> list[float]:
    raise AssertionError("there is nothing to rank by yet")


def agenda(trials: int = 100, warmup: int = 4) -> Agenda:
    return Agenda([*KNOBS, *OWN], trials, warmup, seed=0)


def test_what_strategies_choose_by_themselves_comes_first() -> None:
    planned = agenda()
    assert planned.next(5, no_rank) == OWN
    for point in OWN:
        planned.done(point, 1.0)
    batch = planned.next(5, no_rank)
    assert len(set(batch)) == 5
    assert set(batch) <= set(KNOBS)


def test_the_knobs_of_a_slow_strategy_are_left() -> None:
    turned = [Point("two", (("tile", tile),)) for tile in range(9)]
    planned = Agenda([*KNOBS, *OWN, *turned], 100, 4, seed=0)
    planned.done(OWN[0], 2.1)
    planned.done(OWN[1], 1.0)
    assert set(planned.next(60, rank)) == set(turned)


def test_after_the_warm_up_the_highest_rank_comes_next() -> None:
    planned = agenda()
    for _ in range(2):
        for point in planned.next(4, no_rank):
            planned.done(point, 1.0)
    chosen = planned.next(8, rank)
    assert len(set(chosen)) == 8
    ranked = [point.config["tile"] for point in chosen[:6]]
    left = sorted((point.config["tile"] for point in planned.open), reverse=True)
    assert ranked == left[:6]


def test_every_point_is_measured_once() -> None:
    planned, seen = agenda(), []
    while batch := planned.next(7, rank):
        for point in batch:
            seen.append(point)
            planned.done(point, 1.0)
    assert sorted(map(str, seen)) == sorted(map(str, [*OWN, *KNOBS]))


def test_no_more_than_the_trials() -> None:
    planned = agenda(trials=10)
    for _ in range(4):
        for point in planned.next(4, rank):
            planned.done(point, 1.0)
    assert planned.measured == 10
    assert planned.next(4, rank) == []


def test_a_point_that_fails_twice_is_given_up() -> None:
    planned = Agenda([Point("one")], 10, 4, seed=0)
    for expected in ([Point("one")], [Point("one")], []):
        assert planned.next(4, rank) == expected
        planned.failed(Point("one"))
    assert planned.measured == 0


@pytest.mark.parametrize("known", [KNOBS[:3], OWN])
def test_what_is_known_already_counts(known: list[Point]) -> None:
    planned = agenda(trials=5)
    for point in known:
        planned.done(point, 1.0)
    seen: list[Point] = []
    while batch := planned.next(10, rank):
        seen += batch
        for point in batch:
            planned.done(point, 1.0)
    assert len(seen) == 5 - len(known)
    assert not set(seen) & set(known)
