"""What comes out of the layers is recognised by the compiler, and computed as PyTorch does."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

import tvm_snn
from tests.networks.exact import make_exact
from tvm_snn.nn import (
    POLICIES,
    BinaryActivation,
    BinaryConv2d,
    SubBitConv2d,
    SubBitLinear,
    UniformActivation,
)

X = torch.randn(1, 16, 6, 6, generator=torch.Generator().manual_seed(9))


def trained(steps=30, **options):
    """A W1A1 network after some steps of training, in eval mode."""
    torch.manual_seed(0)
    model = nn.Sequential(
        OrderedDict(
            stem=nn.Conv2d(16, 16, 1),
            sign=BinaryActivation(),
            conv=SubBitConv2d(16, 64, padding=1, **options),
            norm=nn.BatchNorm2d(64),
            pool=nn.AvgPool2d(6),
            flat=nn.Flatten(),
            body=nn.Hardtanh(),
            sign2=BinaryActivation(),
            dense=SubBitLinear(64, 40, tau=4, subset=options.get("subset", "vanilla")),
        )
    )
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    for _ in range(steps):
        loss = (model(torch.randn(4, 16, 6, 6)) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def rows(source, examples=None):
    report = tvm_snn.inspect(source, examples)
    return [row for row in report.rows if row.verdict == "sub-bit"]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_is_detected_with_its_tau(policy):
    conv, dense = rows(trained(tau=4, subset=policy), (X,))
    assert (conv.tau, conv.unit, conv.activation) == (4, 1, "W1A1")
    assert (dense.tau, dense.unit, dense.activation) == (4, 8, "W1A1")


@pytest.mark.parametrize(
    ("options", "tau", "unit"),
    [
        ({"subset": "refined", "tau": 3, "bias": True}, 3, 1),
        ({"subset": "refined", "subset_size": 64, "unit": 2}, 6, 2),
        ({"subset": "vanilla", "tau": 5, "balanced": True}, 5, 1),
        ({"subset": "refined", "tau": 5, "estimator": "error_decay", "balanced": True}, 5, 1),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_onnx_files_are_detected_with_their_tau(options, tau, unit, tmp_path):
    model = trained(**options)
    torch.onnx.export(
        model, (X,), tmp_path / "net.onnx", dynamo=True, external_data=False, verbose=False
    )
    for source, examples in ((str(tmp_path / "net.onnx"), None), (model, (X,))):
        conv, dense = rows(source, examples)
        assert (conv.tau, conv.unit) == (tau, unit)
        assert dense.tau <= 4


def test_the_compiled_network_computes_the_same():
    model = trained(subset="refined", tau=4)
    network = tvm_snn.compile(model, "host", example_inputs=(X,))
    expected = model(X).detach().numpy()
    np.testing.assert_allclose(network(X), expected, rtol=1e-4, atol=1e-4)


def test_networks_on_k_bit_activations_equal_pytorch_bit_for_bit():
    """Steps of 1 and 1/2 and factors that are no fractions: no float rounds, and ties occur."""
    torch.manual_seed(0)
    model = nn.Sequential(
        UniformActivation(2, 3.0),
        SubBitConv2d(16, 32, 3, stride=2, padding=1, tau=4),
        nn.BatchNorm2d(32),
        UniformActivation(3, 3.5),
        BinaryConv2d(32, 24, 3, padding=1),
        nn.BatchNorm2d(24),
        UniformActivation(8, 127.5),
        nn.MaxPool2d(2),
        SubBitConv2d(24, 64, 3, padding=(1, 0), groups=2, tau=3),
        UniformActivation(1, 2.0),
        SubBitConv2d(64, 32, 1, tau=4),
    )
    model = make_exact(model.eval())
    x = torch.randint(-6, 12, (2, 16, 14, 11), generator=torch.Generator().manual_seed(1)) / 4
    network = tvm_snn.compile(model, "host", example_inputs=(x,))
    assert [row.activation for row in network.report().rows] == ["W1A2", "W1A3", "W1A8", "W1A1"]
    with torch.no_grad():
        np.testing.assert_array_equal(network(x), model(x).numpy())
    assert "4 binary layers, all equal bit for bit" in str(tvm_snn.verify(network, (x.numpy(),)))
