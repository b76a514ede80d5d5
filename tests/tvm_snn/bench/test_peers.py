import importlib.util
import os
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import tvm
from tvm.s_tir import meta_schedule as ms

from tests.tvm_snn.bench.measured import TINY, silent
from tvm_snn import SnnError
from tvm_snn.bench import peers
from tvm_snn.bench.machine import LIMITING
from tvm_snn.bench.peers import metaschedule, without_amx
from tvm_snn.bench.peers.convolutions import check, convolution
from tvm_snn.bench.peers.metaschedule import MetaSchedule
from tvm_snn.bench.peers.without_amx import WithoutAmx

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


def test_an_engine_in_a_process_of_its_own() -> None:
    pytest.importorskip("openvino")
    (contender,) = WithoutAmx().layer_contenders(TINY, 1).values()
    assert check(TINY, "int8", contender.result())
    assert contender.turn(1e-3) >= 0
    assert "amx" not in contender.kernel
    assert LIMITING not in os.environ
    with pytest.raises(TypeError):
        contender.ask("turn")
    assert check(TINY, "int8", contender.result()), "it lives on"


def test_signals_are_heard_after_openvino() -> None:
    pytest.importorskip("openvino")
    # Where it goes wrong, the process is gone.
    script = """
import gc, signal
from tests.tvm_snn.bench.measured import TINY
from tvm_snn.bench.peers import openvino

for _ in range(2):
    openvino.layer_contenders(TINY, 1)
gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("heard"))
signal.raise_signal(signal.SIGUSR1)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "heard\n"), ended.stderr


def test_amx_counts_where_it_may_be_used(monkeypatch) -> None:
    monkeypatch.delenv(LIMITING, raising=False)
    monkeypatch.setattr(without_amx, "instructions", lambda: ["avx2", "amx_int8"])
    assert peers.installed()[-1].NAME == "OpenVINO without AMX"
    monkeypatch.setenv(LIMITING, "AVX2")
    assert not without_amx.has_amx()
    monkeypatch.delenv(LIMITING)
    monkeypatch.setattr(without_amx, "instructions", lambda: ["avx2"])
    assert not without_amx.has_amx()


def test_layers_without_a_record_are_not_measured(tmp_path) -> None:
    assert MetaSchedule(tmp_path).layer_contenders(TINY, 1) == {}


def test_a_tuned_convolution_is_found_again(tmp_path, monkeypatch) -> None:
    peer = MetaSchedule(tmp_path)
    peer._folder.mkdir()
    module = metaschedule._module(TINY)
    database = ms.database.JSONDatabase(work_dir=str(peer._folder))
    schedule = tvm.s_tir.Schedule(module)
    # A schedule that does nothing counts as none.
    schedule.annotate(schedule.get_sblock("root"), "meta_schedule.unroll_explicit", 0)
    workload = database.commit_workload(module)
    database.commit_tuning_record(
        ms.database.TuningRecord(schedule.trace, workload, [1.0], peer._target)
    )
    monkeypatch.setattr(metaschedule.ms, "tune_tir", None)
    peer.tune([TINY], 1, silent())
    contender = peer.layer_contenders(TINY, 1)["float32"]
    assert check(TINY, "float32", contender.result())
    assert contender.kernel == "after 1 trials"


def test_tuning_that_measures_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(metaschedule.ms, "tune_tir", lambda *_, **__: None)
    with pytest.raises(SnnError, match="measured nothing for 16-24@5/2 in 3 trials"):
        MetaSchedule(tmp_path).tune([TINY], 3, silent())
