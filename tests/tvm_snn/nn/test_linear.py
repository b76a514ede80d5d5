"""The binary and the sub-bit dense layer."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tvm_snn.errors import ModelError
from tvm_snn.nn import BinaryLinear, SubBitConv2d, SubBitLinear


@given(
    units=st.integers(1, 5),
    unit=st.integers(1, 8),
    outputs=st.integers(1, 6),
    tau=st.integers(0, 5),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_sub_bit_dense_layer_multiplies_by_scaled_patterns(units, unit, outputs, tau, bias, seed):
    generator = torch.Generator().manual_seed(seed)
    layer = SubBitLinear(
        units * unit, outputs, bias, tau=min(tau, unit), unit=unit, generator=generator
    )
    if bias:
        layer.bias.data.normal_()
    indices = layer.kernel_indices()
    assert indices.shape == (outputs, units)
    patterns = layer.subset[indices].reshape(outputs, units * unit).float()
    weight = layer.weight.detach().abs().mean(dim=1, keepdim=True) * patterns
    x = torch.randn(3, units * unit)
    torch.testing.assert_close(layer(x), torch.nn.functional.linear(x, weight, layer.bias))


def test_it_equals_a_1x1_convolution():
    layer = SubBitLinear(32, 12, bias=False, generator=torch.Generator().manual_seed(1))
    conv = SubBitConv2d(32, 12, 1, generator=torch.Generator().manual_seed(1))
    assert conv.subset.shape == layer.subset.shape == (32, 8, 1, 1)
    conv.weight.data.copy_(layer.weight[..., None, None])
    x = torch.randn(2, 32)
    torch.testing.assert_close(layer(x), conv(x[..., None, None])[..., 0, 0])


def test_a_binary_dense_layer_multiplies_by_scaled_signs():
    layer = BinaryLinear(8, 3)
    sign = torch.where(layer.weight >= 0, 1.0, -1.0)
    expected = sign * layer.weight.detach().abs().mean(dim=1, keepdim=True)
    assert torch.equal(layer.effective_weight(), expected)


def test_units_that_do_not_divide_are_named():
    with pytest.raises(ModelError, match=r"12 input channels.*unit = 8"):
        SubBitLinear(12, 4)
