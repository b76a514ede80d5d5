"""A state dict is all of a layer: resumed, distributed and compiled training give the same."""

import copy
import os
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from tests.together import run_in_two_processes
from tvm_snn.nn import POLICIES, BinaryActivation, SubBitConv2d, SubBitLinear, set_progress


def network(policy, seed=0):
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    return nn.Sequential(
        SubBitConv2d(4, 16, tau=4, subset=policy, generator=generator),
        nn.BatchNorm2d(16),
        BinaryActivation("error_decay"),
        nn.Flatten(),
        SubBitLinear(16 * 4 * 4, 5, tau=3, subset=policy, generator=generator),
    )


def batch(step, size=8):
    generator = torch.Generator().manual_seed(step)
    labels = torch.randint(5, (size,), generator=generator)
    return torch.randn(size, 4, 6, 6, generator=generator), labels


def fit(model, optimizer, steps, share=slice(None)):
    for step in steps:
        set_progress(model, step / 40)
        x, labels = batch(step)
        loss = nn.functional.cross_entropy(model(x[share]), labels[share])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def sgd(model):
    return torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)


def assert_equal_states(first, second):
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert torch.equal(value, second[key]), key


@pytest.mark.parametrize("policy", POLICIES)
def test_training_resumes_to_the_bit_from_a_file(policy, tmp_path):
    straight = network(policy)
    start = copy.deepcopy(straight.state_dict())
    optimizer = sgd(straight)
    fit(straight, optimizer, range(33))
    torch.save([straight.state_dict(), optimizer.state_dict()], tmp_path / "half.pt")
    fit(straight, optimizer, range(33, 40))

    resumed = network(policy, seed=1)
    optimizer = sgd(resumed)
    model_state, optimizer_state = torch.load(tmp_path / "half.pt", weights_only=True)
    resumed.load_state_dict(model_state)
    optimizer.load_state_dict(optimizer_state)
    torch.rand(3)
    fit(resumed, optimizer, range(33, 40))
    assert_equal_states(straight.state_dict(), resumed.state_dict())
    assert not torch.equal(start["0.weight"], resumed[0].weight)


@pytest.mark.parametrize("policy", POLICIES)
def test_compiled_training_equals_eager_training(policy):
    eager = network(policy)
    compiled = copy.deepcopy(eager)
    fit(eager, sgd(eager), range(12))
    fit(torch.compile(compiled, backend="aot_eager"), sgd(compiled), range(12))
    for key, value in eager.state_dict().items():
        torch.testing.assert_close(value, compiled.state_dict()[key], rtol=1e-5, atol=1e-6)


def _worker(rank: int, folder: str) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
    )
    for policy in POLICIES:
        model = network(policy)
        for module in model.modules():
            # Batch statistics are each process's own; everything else has to stay equal.
            if isinstance(module, nn.BatchNorm2d):
                module.track_running_stats = False
                module.running_mean = module.running_var = module.num_batches_tracked = None
        parallel = DistributedDataParallel(model, broadcast_buffers=False)
        fit(parallel, sgd(parallel), range(28), slice(4 * rank, 4 * rank + 4))
        torch.save(model.state_dict(), f"{folder}/{policy}-{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_processes_that_train_together_stay_equal(tmp_path: Path) -> None:
    """Without broadcast buffers: every process moves its subset as the others do."""
    run_in_two_processes(_worker, str(tmp_path))
    for policy in POLICIES:
        first, second = (torch.load(tmp_path / f"{policy}-{rank}.pt") for rank in (0, 1))
        assert_equal_states(first, second)
        start = network(policy).state_dict()
        assert not torch.equal(start["0.weight"], first["0.weight"])
        if "0.policy.patterns" in first:
            assert not torch.equal(start["0.policy.patterns"], first["0.policy.patterns"])
