import numpy as np
import pytest
from torch import nn

from tests.tvm_snn.bench.measured import CONVOLUTIONS
from tvm_snn import SnnError
from tvm_snn.bench.layers_of_resnet18 import LAYERS, layers_named
from tvm_snn.nn import SubBitConv2d
from tvm_snn.zoo import resnet18


def test_the_layers_are_those_of_the_network() -> None:
    convs = [m for m in resnet18().modules() if isinstance(m, SubBitConv2d)]
    found = [
        (conv.in_channels, conv.out_channels, nn.modules.utils._pair(conv.stride)[0])
        for conv in convs
    ]
    assert len(found) == CONVOLUTIONS == 16
    for layer in LAYERS.values():
        assert found.count((layer.channels, layer.outputs, layer.stride)) == layer.count


def test_layers_by_name() -> None:
    assert [layer.name for layer in layers_named("512@7,64-128@56/2")] == ["512@7", "64-128@56/2"]
    assert len(layers_named("all")) == 7
    assert layers_named("none") == []
    with pytest.raises(SnnError, match="no layer '64@7'; there are 64@56, 64-128@56/2"):
        layers_named("64@56,64@7")


@pytest.mark.parametrize(("kernels", "unit"), [(32, 1), (64, 2)])
def test_weights_come_from_a_subset_of_different_kernels(kernels: int, unit: int) -> None:
    subset, indices = LAYERS["64@56"].weights(kernels, unit)
    assert subset.shape == (kernels, unit, 3, 3)
    assert len(np.unique(subset.reshape(kernels, -1), axis=0)) == kernels
    assert set(np.unique(subset)) == {-1, 1}
    assert indices.shape == (64, 64 // unit)
    assert indices.max() < kernels
