"""The acceptance network, through every exporter."""

import numpy as np
import pytest
import torch

from tests.networks.reactnet import HardBinaryConv, reactnet18
from tests.tvm_snn.frontend.exports import assert_computes, names_of_layers, to_onnx, torch_outputs
from tvm_snn.frontend import import_model
from tvm_snn.relay_passes.clean import clean
from tvm_snn.relay_passes.layers import layer_bindings, operator_name, var_bindings
from tvm_snn.relay_passes.sign_values import is_sign_valued

EXPORTS = ("module", "pt2", "dynamo", "torchscript")


class Network:
    """A network, its input, and the files it was exported to, written when first asked for."""

    def __init__(self, folder, model, x):
        self.folder, self.model, self.x = folder, model, x
        self.files = {}

    def source(self, export):
        if export == "module":
            return self.model
        if export not in self.files:
            self.files[export] = self._export(export)
        return self.files[export]

    def _export(self, export):
        if export == "pt2":
            path = self.folder / "net.pt2"
            torch.export.save(torch.export.export(self.model, (self.x,)), path)
            return path
        path = self.folder / f"{export}.onnx"
        return to_onnx(self.model, (self.x,), path, dynamo=export == "dynamo")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    model = reactnet18(width=8, classes=10, blocks=(1, 2, 1))
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    return Network(tmp_path_factory.mktemp("small"), model, x)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    return Network(tmp_path_factory.mktemp("full"), reactnet18(), x)


def binary_convs(model):
    return [name for name, module in model.named_modules() if isinstance(module, HardBinaryConv)]


def check_cleaned(module, model):
    """Every 3x3 conv has signs for data and, for weights, one magnitude a channel."""
    function = module["main"]
    bindings = {binding.var: binding.value for binding in var_bindings(function)}
    layers = {binding.var.name: binding.value for binding in layer_bindings(function)}
    for name in binary_convs(model):
        data, weight = layers[name].args
        assert is_sign_valued(data, bindings)
        assert operator_name(bindings[data]) == "relax.sign"
        magnitudes = np.abs(weight.value.numpy()).reshape(weight.ty.shape.values[0].value, -1)
        np.testing.assert_allclose(
            magnitudes, magnitudes[:, :1].repeat(magnitudes.shape[1], 1), 1e-6
        )
        assert len(np.unique(np.sign(weight.value.numpy()).reshape(-1, 9), axis=0)) <= 32
    operators = {operator_name(value) for value in bindings.values()}
    assert not operators & {"relax.nn.batch_norm", "relax.broadcast_to", "relax.clip"}


@pytest.mark.parametrize("export", EXPORTS)
def test_small_network(small, export):
    module = import_model(small.source(export), (small.x,))
    assert_computes(module, (small.x,), torch_outputs(small.model, small.x))
    cleaned = clean(module)
    check_cleaned(cleaned, small.model)
    layers = [
        name
        for name, layer in small.model.named_modules()
        if isinstance(layer, HardBinaryConv | torch.nn.Conv2d | torch.nn.Linear)
    ]
    assert sorted(names_of_layers(cleaned)) == sorted(layers)
    assert len(binary_convs(small.model)) == 4


@pytest.mark.slow
@pytest.mark.parametrize("export", ["module", "dynamo", "torchscript"])
def test_resnet18_at_full_size(full, export):
    source = full.source(export)
    cleaned = clean(import_model(source, (full.x,)))
    check_cleaned(cleaned, full.model)
    assert len(binary_convs(full.model)) == 16
    assert_computes(cleaned, (full.x,), torch_outputs(full.model, full.x))
