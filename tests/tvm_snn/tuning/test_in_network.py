"""Records have to win in a whole network."""

from pathlib import Path
from typing import Any

import pytest

from tests.tvm_snn.tuning.layers import network, subset_conv2d
from tvm_snn.compiler import Detected, detect, rewrite
from tvm_snn.schedules.operation import Operation
from tvm_snn.schedules.records import Record, read_records, write_records
from tvm_snn.target import features_of, parse_target
from tvm_snn.tuning import in_network, shipped
from tvm_snn.tuning.finals import Race
from tvm_snn.tuning.in_network import Proof, prove, used
from tvm_snn.tuning.run import make_setting
from tvm_snn.tuning.tasks import tasks_of

TARGET = parse_target("host")
HOST = features_of(TARGET)
FAST, SLOW = (Race((ratio,) * 9, (1.0,) * 9) for ratio in (1.2, 0.9))


def record(operation: Operation, strategy: str = "decoded_dense") -> Record:
    return Record(operation, HOST, strategy, {}, 1.0, "xnor_popcount", 2.0, "host", 1, "", "", {})


@pytest.fixture(scope="module")
def detected() -> Detected:
    return detect(*network(3))


@pytest.fixture
def records(detected: Detected) -> list[Record]:
    """One for the first layer, one for the other two, and one for none."""
    own = [task.operation for task in tasks_of(rewrite(detected, HOST))]
    return [record(operation) for operation in (*own, subset_conv2d(stride=2))]


def test_layers_are_measured_by_record(
    detected: Detected, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_network, "ROUNDS", 3)
    assert used(detected, TARGET, records) == records[:2]
    proof = prove(detected, TARGET, records, 1)
    assert set(proof.layers) == {r.operation.fingerprint for r in records[:2]}
    assert all(len(race.ratios) == len(race.same) == 3 for race in proof.layers.values())
    assert proof.whole.gain > 0


def test_what_loses_in_the_network_is_dropped() -> None:
    assert Proof({"a": FAST, "b": SLOW}, FAST).losers == {"b"}
    assert Proof({"a": FAST, "b": FAST}, FAST).losers == set()
    assert Proof({"a": FAST, "b": FAST}, SLOW).losers == {"a", "b"}, "the whole is slower"


def test_the_rest_is_proven_again(
    detected: Detected,
    records: list[Record],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = []

    def proof(_detected: Any, _target: Any, own: list[Record], _threads: int) -> Proof:
        seen.append(own)
        races = {r.operation.fingerprint: FAST for r in own}
        return Proof(races | ({own[0].operation.fingerprint: SLOW} if len(own) > 1 else {}), FAST)

    monkeypatch.setattr(shipped, "prove", proof)
    setting = make_setting("host", tmp_path / "candidates.json", "local", 1, 0)
    assert shipped.prune("small", detected, records, setting) == records[1:]
    assert seen == [records[:2], records[1:2]]
    said = capsys.readouterr().out
    assert "0.900 times as fast in the network (noise 0.000), dropped" in said
    assert "1.200 times as fast in the network (noise 0.000), kept" in said


def test_what_ships_takes_the_place_of_earlier_records(
    detected: Detected, records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "prune", lambda _label, _network, candidates, _setting: candidates)
    path = tmp_path / "here.json"
    first, other, elsewhere = records
    earlier = record(first.operation, "xnor_popcount")
    write_records(path, [elsewhere, earlier, record(other.operation)])
    setting = make_setting("host", tmp_path / "candidates.json", "local", 1, 0)
    write_records(setting.work, [first])
    shipped._ship({"small": detected}, tasks_of(rewrite(detected, HOST)), setting, path)
    assert list(read_records(path)) == [elsewhere, first]
