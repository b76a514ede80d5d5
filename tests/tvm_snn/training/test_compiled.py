"""A compiled network computes, learns and resumes as the network itself does."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from tests.tvm_snn.cli.conftest import tvm_snn
from tests.tvm_snn.training import tiny
from tests.tvm_snn.training.test_run import (
    assert_same,
    rows_without_times,
    training,
    with_stop,
)
from tvm_snn.errors import TrainingError
from tvm_snn.nn import set_float_weights
from tvm_snn.training import CHECKPOINT, Processes, Stopped
from tvm_snn.training.checkpoint import load_checkpoint
from tvm_snn.training.compiled import CompiledNetwork


@pytest.fixture(autouse=True)
def _traced_only(monkeypatch):
    """Making machine code takes a minute, and is PyTorch's affair."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))


def step(network, model, images, labels):
    loss = nn.functional.cross_entropy(network(images), labels)
    gradients = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
    return [loss, *gradients, *model.buffers()]


@pytest.mark.parametrize(
    ("policy", "float_weights"), [("refined", False), ("codewords", False), ("refined", True)]
)
def test_it_computes_and_moves_as_the_network(policy, float_weights):
    torch.manual_seed(0)
    model = tiny.network(subset=policy)
    model.body[-1].p = 0.0
    set_float_weights(model, float_weights)
    copied = copy.deepcopy(model)
    compiled = CompiledNetwork(copied)
    images, labels = tiny.data().train.batch(range(20), torch.Generator())
    for mode in (True, False):
        model.train(mode)
        copied.train(mode)
        expected = step(model, model, images, labels)
        found = step(compiled, copied, images, labels)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert all(layer.float_weights == float_weights for layer in (copied.body[1], copied.body[4]))


def compiled_training(folder, **options):
    run = training(folder, **options)
    object.__setattr__(run.settings, "compiled", True)
    return run


def test_a_compiled_run_goes_on_to_the_bit_and_stays_compiled(tmp_path):
    straight = compiled_training(tmp_path / "straight")
    expected = straight.run()
    with pytest.raises(Stopped):
        with_stop(compiled_training(tmp_path / "stopped"), 7).run()
    with pytest.raises(TrainingError, match="compiled = True, not False"):
        training(tmp_path / "stopped", resume=True).run()
    resumed = compiled_training(tmp_path / "stopped", model_seed=8, resume=True)
    assert rows_without_times(resumed.run()) == rows_without_times(expected)
    assert_same(straight, resumed)


def test_the_command_compiles_where_asked(tmp_path):
    options = ("--model", f"{tiny.HERE}:network", "--data", f"{tiny.HERE}:data", "--epochs", 1)
    done = tvm_snn("train", *options, "--batch-size", 20, "-o", tmp_path, "--compile")
    assert done.exit_code == 0, done.output
    assert load_checkpoint(tmp_path / CHECKPOINT).settings["compiled"]


def test_several_processes_do_not_compile(tmp_path):
    with pytest.raises(TrainingError, match="in one process, not in 2"):
        compiled_training(tmp_path / "run", processes=Processes(0, 2)).run()
