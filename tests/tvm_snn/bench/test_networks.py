import numpy as np
import pytest
import torch
from torch import nn

from tests.tvm_snn.bench.measured import silent
from tvm_snn import SnnError, VerificationError
from tvm_snn.bench import networks
from tvm_snn.bench.cases import Case, cases, with_relu
from tvm_snn.bench.networks import measure_networks
from tvm_snn.bench.peers import installed
from tvm_snn.bench.peers import torch as peer_torch
from tvm_snn.nn import BinaryActivation, LearnableBias
from tvm_snn.zoo import ZOO, ZooEntry
from tvm_snn.zoo.layers import Kernels
from tvm_snn.zoo.resnet import ResidualUnit


def _tiny(tau=5, activations="W1A1") -> nn.Module:
    torch.manual_seed(0)
    unit = ResidualUnit(4, 8, 2, Kernels(tau), activations)
    return nn.Sequential(unit, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)).eval()


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch) -> None:
    monkeypatch.setitem(ZOO, "tiny", ZooEntry(_tiny, (4, 6, 6)))


def test_cases() -> None:
    assert [case.name for case in cases("tiny", quick=True)] == ["tiny W1A1, batch 1"]
    names = [case.name for case in cases("tiny", quick=False)]
    assert names == [f"tiny {kind}, batch {n}" for n in (1, 8) for kind in ("W1A1", "W1A32")]
    assert cases("none", quick=False) == []
    with pytest.raises(SnnError, match="There is no network 'vgg19'"):
        cases("tiny,vgg19", quick=False)


def test_a_network_in_every_engine() -> None:
    case = Case("tiny", "W1A1", 1, (5, None))
    (rows,) = measure_networks([case], "host", installed(), [1], 1, silent())
    ours = [row.kind for row in rows if row.engine == "tvm_snn"]
    assert ours == [
        *("time to compile, tau 5", "time to compile, 1 bit"),
        *("compiled, tau 5", "compiled, 1 bit"),
    ]
    kinds = {row.kind for row in rows if row.engine == "onnxruntime"}
    assert kinds == {"float32", "int8", "float32, ReLU", "int8, ReLU"}


def test_a_result_that_is_not_that_of_the_engines(monkeypatch) -> None:
    wrong = np.arange(20.0).reshape(2, 10)
    monkeypatch.setattr(networks, "_compiled", lambda *_: lambda _data: wrong)
    with pytest.raises(VerificationError, match="tiny W1A1, batch 2: our result and that of"):
        list(measure_networks([Case("tiny", "W1A1", 2)], "host", [peer_torch], [1], 1, silent()))


def test_with_relu_nothing_binary_is_left_but_the_weights() -> None:
    model = _tiny()
    plain = with_relu(model)
    kinds = {type(module) for module in plain.modules()}
    assert not kinds & {BinaryActivation, LearnableBias, nn.PReLU}
    assert nn.ReLU in kinds
    assert BinaryActivation in {type(module) for module in model.modules()}, "a copy"
