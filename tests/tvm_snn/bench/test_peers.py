import importlib.util
from importlib import import_module

import numpy as np
import pytest

from tests.tvm_snn.bench.measured import TINY, silent
from tvm_snn.bench import peers
from tvm_snn.bench.peers.convolutions import check, convolution
from tvm_snn.bench.peers.metaschedule import MetaSchedule

KINDS = {
    "onnxruntime": {"float32", "int8"},
    "openvino": {"float32", "int8", "BNN W1A1"},
    "torch": {"float32"},
}


@pytest.mark.parametrize("engine", KINDS)
def test_every_convolution_of_an_engine_is_right(engine: str) -> None:
    pytest.importorskip(engine)
    contenders = import_module(f"tvm_snn.bench.peers.{engine}").layer_contenders(TINY, 1)
    assert set(contenders) == KINDS[engine]
    for kind, contender in contenders.items():
        contender.run()
        assert check(TINY, kind, contender.result()), kind
        assert contender.reported is None or contender.reported() >= 0


def test_the_check_sees_errors() -> None:
    right = convolution(TINY).expected
    assert check(TINY, "float32", right)
    assert not check(TINY, "float32", right + 0.1)
    assert check(TINY, "int8", right + convolution(TINY).step)
    assert not check(TINY, "int8", np.roll(right, 1, axis=1))
    assert not check(TINY, "BNN W1A1", right)


def test_engines_that_are_not_installed_are_left_out(monkeypatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(peers, "find_spec", lambda name: name != "openvino" and find_spec(name))
    assert peers.missing() == ["openvino"]
    assert "OpenVINO" not in [peer.NAME for peer in peers.installed()]
    assert "PyTorch" in [peer.NAME for peer in peers.installed()]


def test_layers_without_a_record_are_not_measured(tmp_path) -> None:
    assert MetaSchedule(tmp_path).layer_contenders(TINY, 1) == {}


@pytest.mark.slow
def test_a_tuned_convolution_is_kept(tmp_path) -> None:
    pytest.importorskip("xgboost")
    MetaSchedule(tmp_path).tune([TINY], 2, silent())
    again = MetaSchedule(tmp_path)
    again.tune([TINY], 10**9, silent())
    contender = again.layer_contenders(TINY, 1)["float32"]
    assert check(TINY, "float32", contender.result())
