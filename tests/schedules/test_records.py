"""Tuning records: read, checked, found."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.schedules.cases import Case
from tests.schedules.test_strategy import AVX2, AVX512, case
from tvm_snn.errors import RecordsError
from tvm_snn.schedules.operation import Operation
from tvm_snn.schedules.records import (
    Record,
    Records,
    load_records,
    read_records,
    write_records,
)
from tvm_snn.schedules.strategy import STRATEGIES


def operation(described: Case) -> Operation:
    return Operation.of(described.call(*described.parameters()))


def record(described: Case | None = None, **changes: Any) -> Record:
    made = Record(
        operation=operation(described or case(8, 9, 16)),
        features=AVX2,
        strategy="xnor_popcount",
        config={},
        microseconds=10.0,
        default_strategy="subset_gather",
        default_microseconds=12.5,
        target="llvm -mcpu=haswell",
        threads=1,
        processor="a processor",
        date="2026-11-21",
        versions={"tvm_snn": "0.1.0"},
    )
    return replace(made, **changes)


@pytest.fixture(autouse=True)
def knobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give one strategy knobs that no change of its kernel takes away."""
    popcount = STRATEGIES["xnor_popcount"]
    knobbed = replace(popcount, space=lambda _call, _features: {"tile": (2, 4), "block": (8,)})
    monkeypatch.setitem(STRATEGIES, "xnor_popcount", knobbed)


TUNED = {"tile": 4, "block": 8}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    records = [
        record(config=TUNED),
        record(case(16, 9, 16), features=AVX512, strategy="subset_lookup"),
    ]
    write_records(tmp_path / "mine.json", records)
    assert read_records(tmp_path / "mine.json") == tuple(records)


def test_a_record_is_found_for_its_operation_and_features_only() -> None:
    records = Records([record()])
    assert records.find(operation(case(8, 9, 16)), AVX2) == record()
    assert records.find(operation(case(8, 9, 16)), AVX512) is None
    assert records.find(operation(case(8, 9, 32)), AVX2) is None


def test_the_first_of_two_records_wins() -> None:
    mine, other = record(processor="mine"), record(processor="other")
    assert Records([mine, other]).find(mine.operation, AVX2) == mine


def entry(**changes: Any) -> dict[str, Any]:
    return record().data() | changes


def _on_floats(**changes: Any) -> dict[str, Any]:
    return record(case(8, 9, 16, "float32")).data() | changes


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in entry().items() if key != name}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "are no JSON"),
        ("[]", "expected is an object with a list `records`"),
        ('{"schema": 1, "records": {}}', "expected is an object with a list `records`"),
        ('{"schema": 2, "records": []}', "have the form 2; this version reads form 1"),
        ('{"records": []}', "have the form None"),
    ],
)
def test_what_is_no_file_of_records_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(RecordsError, match=message) as caught:
        read_records(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (3, "is no object"),
        (_without("strategy"), "missing is strategy, unknown is nothing"),
        (entry(colour="red"), "missing is nothing, unknown is colour"),
        (entry(strategy="magic"), "names the strategy 'magic'; known are subset_lookup"),
        (_on_floats(strategy="subset_lookup"), "cannot compute the layer: activations are not"),
        (
            entry(config={"tile": 4, "magic": 1}),
            "has the knobs magic, tile; xnor_popcount has block, tile here",
        ),
        (entry(config=TUNED | {"tile": 3}), "sets tile to 3; xnor_popcount has 2, 4 here"),
        (entry(config={"tile": "4"}), "config is {'tile': '4'}"),
        (entry(config=[]), r"config is \[\]"),
        (entry(microseconds=-1), "microseconds is -1"),
        (entry(microseconds=float("nan")), "microseconds is nan"),
        (entry(default_microseconds=True), "default_microseconds is True"),
        (entry(threads=0), "threads is 0"),
        (entry(date=20261121), "date is 20261121"),
        (entry(versions=1), "versions is 1"),
        (entry(features={"vector_bits": 256}), "features are .* expected is an object with"),
        (entry(features=entry()["features"] | {"popcount": 1}), "the feature popcount is 1"),
        (entry(operation={}), "operation: no layer: KeyError"),
        (entry(operation=entry()["operation"] | {"operator": "snn.magic"}), "is no operator"),
        (entry(fingerprint="0123456789abcdef"), "0123456789abcdef is not that of its operation"),
        (entry(operation=operation(case(9, 9, 16)).data()), "is not that of its operation"),
    ],
)
def test_a_malformed_record_is_refused_by_file_and_number(
    tmp_path: Path, wrong: Any, message: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"schema": 1, "records": [entry(), wrong]}))
    with pytest.raises(RecordsError, match=message) as caught:
        read_records(path)
    assert f"{path}, record 2" in str(caught.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="No such file"):
        read_records(tmp_path / "mine.json")
    with pytest.raises(RecordsError, match="Cannot write"):
        write_records(tmp_path / "missing" / "mine.json", [])


def test_records_for_other_targets_only_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    write_records(path, [record()])
    with pytest.raises(RecordsError, match="are for other targets: llvm -mcpu=haswell"):
        load_records(path, AVX512, "llvm -mcpu=icelake-server")
    write_records(path, [])
    with pytest.raises(RecordsError, match="for other targets: none at all"):
        load_records(path, AVX2, "llvm -mcpu=haswell")


def test_records_of_the_user_come_before_those_that_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = record(processor="shipped"), record(processor="mine")
    more = record(case(16, 9, 16), processor="shipped")
    monkeypatch.setattr("tvm_snn.schedules.records.shipped_records", lambda: (ours, more))
    path = tmp_path / "mine.json"
    write_records(path, [theirs])
    records = load_records(path, AVX2, "llvm -mcpu=haswell")
    assert records.find(ours.operation, AVX2) == theirs
    assert records.find(more.operation, AVX2) == more
    assert load_records(None, AVX2, "").find(ours.operation, AVX2) == ours
