"""`tvm-snn bench`, on a layer that takes no time."""

import json
import sys

from tests.tvm_snn.bench.measured import TINY
from tests.tvm_snn.cli.conftest import failure, tvm_snn
from tvm_snn.bench import layers_of_resnet18, peers


def test_a_run_writes_what_it_measured(monkeypatch, tmp_path):
    monkeypatch.setitem(layers_of_resnet18.LAYERS, TINY.name, TINY)
    monkeypatch.setattr(peers, "_ENGINES", ("torch", "some_engine"))
    arguments = ("--quick", "--layers", TINY.name, "--networks", "none", "--rounds", 1)
    result = tvm_snn("bench", *arguments, "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert "some_engine is not installed and left out: pip install 'tvm_snn[bench]'" in (
        " ".join(result.stdout.split())
    )
    rows = json.loads((tmp_path / "layers.json").read_text())["rows"]
    assert {row["engine"] for row in rows} == {"tvm_snn", "PyTorch"}
    assert {row["threads"] for row in rows} == {1}
    assert "one thread" in (tmp_path / "layers.md").read_text()
    assert not (tmp_path / "networks.md").exists()


def test_a_run_goes_on_from_what_is_there(monkeypatch, tmp_path):
    monkeypatch.setitem(layers_of_resnet18.LAYERS, TINY.name, TINY)
    monkeypatch.setattr(peers, "_ENGINES", ())
    arguments = ("--quick", "--layers", TINY.name, "--networks", "none", "--rounds", 1)
    assert tvm_snn("bench", *arguments, "-o", tmp_path).exit_code == 0
    before = json.loads((tmp_path / "layers.json").read_text())["rows"]
    monkeypatch.setattr("tvm_snn.bench.session.measure_layers", _nothing_left)
    assert tvm_snn("bench", *arguments, "--resume", "-o", tmp_path).exit_code == 0
    assert json.loads((tmp_path / "layers.json").read_text())["rows"] == before


def _nothing_left(layers, *_):
    assert not layers
    return iter(())


def test_what_cannot_be_measured(tmp_path):
    where = ("-o", tmp_path)
    assert "nothing to measure" in failure(
        "bench", "--layers", "none", "--networks", "none", *where
    )
    assert "no layer '1@1'" in failure("bench", "--layers", "1@1", *where)
    assert "no network 'lenet'" in failure("bench", "--networks", "lenet", *where)
    assert "may run on" in failure("bench", "--threads", 5000, *where)
    assert "TargetError" in failure(
        "bench", "--layers", "64@56", "--networks", "none", "--target", "toaster", *where
    )


def test_without_its_packages(monkeypatch):
    for name in ("tvm_snn.bench.session",):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in [name for name in sys.modules if name.startswith("tvm_snn.bench.peers")]:
        monkeypatch.delitem(sys.modules, name)
    assert "needs the package onnx: pip install 'tvm_snn[bench]'" in failure("bench")
