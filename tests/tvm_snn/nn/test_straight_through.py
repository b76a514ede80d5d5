"""Forward values, gradients and exports of the straight-through estimators."""

import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tvm_snn.errors import ModelError
from tvm_snn.nn import BinaryActivation
from tvm_snn.nn.slopes import clipped_slope
from tvm_snn.nn.straight_through import replace_by_binary, sign_clipped, sign_polynomial

POINTS = torch.tensor([-2.0, -1.0, -0.75, -0.25, 0.0, 0.25, 0.75, 1.0, 2.0])


def gradient(function, x, weights):
    x = x.clone().requires_grad_()
    (function(x) * weights).sum().backward()
    return x.grad


@pytest.mark.parametrize("estimator", ["polynomial", "clipped"])
def test_forward_is_exactly_sign(estimator):
    assert torch.equal(
        BinaryActivation(estimator)(POINTS),
        torch.tensor([-1.0, -1.0, -1.0, -1.0, 0.0, 1.0, 1.0, 1.0, 1.0]),
    )


def test_clipped_gradient_passes_inside_the_unit_interval():
    expected = torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    assert torch.equal(gradient(sign_clipped, POINTS, 3.0), 3.0 * expected)


def test_polynomial_gradient_is_the_triangle():
    expected = torch.tensor([0.0, 0.0, 0.5, 1.5, 2.0, 1.5, 0.5, 0.0, 0.0])
    assert torch.equal(gradient(sign_polynomial, POINTS, 3.0), 3.0 * expected)


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=20))
def test_polynomial_gradient_is_that_of_the_published_surrogate(values):
    def surrogate(x):
        inner = torch.where(x < 0, 2 * x + x * x, 2 * x - x * x)
        return torch.where(x < -1, -torch.ones_like(x), torch.where(x < 1, inner, 1.0))

    x = torch.tensor(values)
    weights = torch.linspace(1, 2, len(values))
    torch.testing.assert_close(
        gradient(sign_polynomial, x, weights), gradient(surrogate, x, weights)
    )


def test_replacing_by_binary_is_exact_and_clips_the_gradient():
    latent = torch.tensor([-1.5, -0.3, 0.0, 0.7, 1.0, 1.1], requires_grad=True)
    binary = torch.tensor([-1.0, 1.0, 1.0, -1.0, 1.0, 1.0])
    out = replace_by_binary(latent, binary, clipped_slope(latent.detach()))
    assert torch.equal(out, binary)
    (out * torch.arange(1.0, 7.0)).sum().backward()
    assert torch.equal(latent.grad, torch.tensor([0.0, 2.0, 3.0, 4.0, 5.0, 0.0]))


def test_unknown_estimator_is_named():
    with pytest.raises(ModelError, match=r"'quadratic'.*clipped.*polynomial"):
        BinaryActivation("quadratic")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("estimator", ["polynomial", "clipped"])
def test_torch_export_gives_one_plain_sign(estimator, training):
    module = BinaryActivation(estimator).train(training)
    graph = torch.export.export(module, (torch.randn(2, 3),)).graph
    calls = [node.target for node in graph.nodes if node.op == "call_function"]
    assert calls == [torch.ops.aten.sign.default]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize("estimator", ["polynomial", "clipped"])
def test_both_onnx_exporters_give_one_plain_sign(estimator, dynamo, tmp_path):
    path = tmp_path / "sign.onnx"
    module = BinaryActivation(estimator).eval()
    torch.onnx.export(module, (torch.randn(2, 3),), path, dynamo=dynamo, verbose=False)
    assert [node.op_type for node in onnx.load(path).graph.node] == ["Sign"]
