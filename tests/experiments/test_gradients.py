"""What gradients of kernels are like, on a few images."""

import gradients
import pytest
import torch
from cases import fresh_network
from click.testing import CliRunner

from tests.tvm_snn.training import tiny
from tvm_snn.training import load_data


def test_sizes_and_common_shares_are_those_of_the_gradients(tmp_path):
    tiny.write_fashion_mnist(tmp_path, 100, 5)
    data = load_data("fashion-mnist", tmp_path, augment=False)
    model = fresh_network("small", tau=3, subset=gradients.STAYING, seed=3)
    # With one step, the gradient is still there afterwards.
    found = gradients.followed(model, data, 1, seed=0)
    layer = model.get_submodule("units.4.conv")
    gradient = layer.policy.patterns.grad
    size, common = found["units.4.conv"]
    assert size == pytest.approx(float(gradient.square().mean().sqrt()))
    total, shared = gradient.square().sum(), gradient.sum(dim=0).square().sum() / 8
    assert common == pytest.approx(float(shared / total))
    before = layer.subset.clone()
    gradients.followed(model, data, 5, seed=1)
    assert torch.equal(layer.subset, before)
    assert len(found) == 6


def test_it_prints_a_line_for_each_layer(tmp_path):
    tiny.write_fashion_mnist(tmp_path, 100, 5)
    options = ["--data-root", str(tmp_path), "--network", "small-vgg", "--steps", "2"]
    result = CliRunner().invoke(gradients.main, options)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("blocks.") and line.endswith("%") for line in lines)
