"""A search whose measurements partly fail, with stand-ins for compiler and boards."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from tvm.ir.utils import derived_object
from tvm.s_tir.meta_schedule.builder import BuilderInput, BuilderResult, PyBuilder
from tvm.s_tir.meta_schedule.runner import (
    PyRunner,
    RPCConfig,
    RunnerFuture,
    RunnerInput,
    RunnerResult,
)

from tests.tvm_snn.tuning.layers import subset_conv2d
from tvm_snn.target import features_of, parse_target
from tvm_snn.tuning import session
from tvm_snn.tuning.runners import Place
from tvm_snn.tuning.tasks import Task

SILENT = "RPCRunner: Timeout, killed after 60 seconds"


@derived_object
class Compiler(PyBuilder):
    """Compiles nothing."""

    def build(self, build_inputs: list[BuilderInput]) -> list[BuilderResult]:
        """Return a path for each kernel."""
        return [BuilderResult("missing.so", None) for _ in build_inputs]


@derived_object
class Boards(PyRunner):
    """Boards of which one is suspended in the middle of the first measurement."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = SimpleNamespace(shutdown=lambda **_: None)
        self.outcomes = [RunnerResult(None, SILENT)]

    def run(self, runner_inputs: list[RunnerInput]) -> list[RunnerFuture]:
        """Return a time for each kernel but the first."""
        results = [
            self.outcomes.pop() if self.outcomes else RunnerResult([1e-5], None)
            for _ in runner_inputs
        ]
        return [RunnerFuture(lambda: True, lambda result=result: result) for result in results]


def test_a_failed_attempt_is_named_and_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "KernelBuilder", lambda *_: Compiler())
    monkeypatch.setattr(session, "make_runner", lambda *_: Boards())
    target = parse_target("host")
    setting = session.Setting(
        target=target,
        features=features_of(target),
        place=Place(RPCConfig("localhost", 1, "board", session_timeout_sec=60), servers=1),
        threads=1,
        workers=1,
        work=tmp_path / "mine.json",
        seed=0,
    )
    (found,) = session.search([Task(subset_conv2d(), ("conv",))], 2, setting)
    assert len(found.seconds) == 2
    (failure,) = found.failures
    assert failure.startswith("a server with the key 'board' fell silent in the middle of")
