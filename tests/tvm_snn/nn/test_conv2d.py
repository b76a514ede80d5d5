"""The binary and the sub-bit convolution as PyTorch modules."""

import copy

import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch._inductor.constant_folding import constant_fold

from tvm_snn.errors import ModelError
from tvm_snn.nn import BinaryConv2d, SubBitConv2d


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def distinct_units(weight, unit):
    """Distinct kernels of weights scale[o] * {+1, -1}, counted in units of `unit` channels."""
    units = weight.sign().reshape(weight.shape[0] * weight.shape[1] // unit, -1)
    return len(torch.unique(units, dim=0))


@settings(deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    groups=st.integers(1, 2),
    unit=st.integers(1, 3),
    tau=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_sub_bit_conv_is_a_conv_with_scaled_subset_kernels(
    kernel, stride, padding, dilation, groups, unit, tau, seed
):
    tau = min(tau, unit * kernel[0] * kernel[1])
    conv = SubBitConv2d(
        groups * unit * 2,
        groups * 2,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        tau=tau,
        unit=unit,
        generator=seeded(seed),
    )
    indices = conv.kernel_indices()
    assert indices.shape == (groups * 2, 2)
    assert conv.index_bits == tau
    kernels = conv.subset[indices].flatten(1, 2).float()
    scale = conv.weight.detach().abs().mean(dim=(1, 2, 3), keepdim=True)
    x = torch.randn(2, conv.in_channels, 7, 6, generator=seeded(seed))
    expected = nn.functional.conv2d(x, scale * kernels, None, stride, padding, dilation, groups)
    assert torch.equal(conv(x), expected)


def test_binary_conv_weights_are_scaled_signs_and_zero_counts_as_plus():
    conv = BinaryConv2d(2, 2, 1, generator=seeded(0))
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[0.5, -1.5], [0.0, 2.0]]).reshape(2, 2, 1, 1))
    expected = torch.tensor([[1.0, -1.0], [1.0, 1.0]]).reshape(2, 2, 1, 1)
    assert torch.equal(conv.effective_weight(), expected)


def test_the_full_subset_is_the_binary_conv():
    full = SubBitConv2d(4, 6, tau=9, generator=seeded(3))
    binary = BinaryConv2d(4, 6)
    binary.weight = full.weight
    assert torch.equal(full.effective_weight(), binary.effective_weight())


@pytest.mark.parametrize("conv", [SubBitConv2d(4, 6, tau=3), BinaryConv2d(4, 6)])
def test_gradient_is_scaled_and_clipped(conv):
    with torch.no_grad():
        conv.weight.uniform_(-1.5, 1.5)
    x = torch.randn(2, 4, 5, 5)
    conv(x).square().sum().backward()
    weight = conv.effective_weight().detach().requires_grad_()
    nn.functional.conv2d(x, weight).square().sum().backward()
    scale = conv.weight.detach().abs().mean(dim=(1, 2, 3), keepdim=True)
    expected = scale * weight.grad * (conv.weight.detach().abs() <= 1)
    torch.testing.assert_close(conv.weight.grad, expected)


def test_generator_decides_weights_and_subset():
    first, again, other = (SubBitConv2d(4, 6, generator=seeded(s)) for s in (1, 1, 2))
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        assert not torch.equal(value, other.state_dict()[name])


def test_state_dict_restores_the_layer_through_a_file(tmp_path):
    conv = SubBitConv2d(4, 6, subset_size=20, unit=2, padding=1)
    torch.save(conv.state_dict(), tmp_path / "conv.pt")
    restored = SubBitConv2d(4, 6, subset_size=20, unit=2, padding=1)
    x = torch.randn(1, 4, 5, 5)
    assert not torch.equal(restored(x), conv(x))
    restored.load_state_dict(torch.load(tmp_path / "conv.pt", weights_only=True))
    assert torch.equal(restored(x), conv(x))


def test_training_moves_the_indices_but_not_the_subset():
    conv = SubBitConv2d(4, 6, tau=4, generator=seeded(0))
    before = copy.deepcopy(conv)
    optimizer = torch.optim.Adam(conv.parameters(), 0.01)
    x = torch.randn(8, 4, 5, 5, generator=seeded(1))
    target = nn.functional.conv2d(x, torch.randn(6, 4, 3, 3, generator=seeded(2)))
    losses = []
    for _ in range(30):
        loss = nn.functional.mse_loss(conv(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert torch.equal(conv.subset, before.subset)
    assert not torch.equal(conv.kernel_indices(), before.kernel_indices())


def test_compiled_layer_equals_eager():
    conv = SubBitConv2d(4, 6, tau=4)
    x = torch.randn(1, 4, 5, 5)
    assert torch.equal(torch.compile(conv, backend="aot_eager")(x), conv(x))


def test_layer_can_be_moved_to_another_dtype():
    conv = SubBitConv2d(4, 6, tau=4).double()
    assert conv(torch.randn(1, 4, 5, 5, dtype=torch.float64)).dtype == torch.float64
    assert conv.subset.dtype == torch.int8


@pytest.mark.parametrize(("tau", "unit"), [(5, 1), (3, 1), (6, 2)])
def test_torch_export_folds_to_at_most_two_to_the_tau_kernels(tau, unit):
    conv = SubBitConv2d(16, 24, tau=tau, unit=unit).eval()
    module = torch.export.export(conv, (torch.randn(1, 16, 6, 6),)).module()
    constant_fold(module)
    (call,) = [n for n in module.graph.nodes if n.target is torch.ops.aten.conv2d.default]
    weight = getattr(module, call.args[1].target)
    assert torch.equal(weight, conv.effective_weight())
    assert distinct_units(weight, unit) <= 2**tau


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("dynamo", [True, False])
def test_onnx_exports_compute_the_same(dynamo, tmp_path):
    conv = SubBitConv2d(16, 24, tau=5, unit=2, stride=2, padding=1).eval()
    x = torch.randn(1, 16, 6, 6)
    path = tmp_path / "conv.onnx"
    torch.onnx.export(conv, (x,), path, dynamo=dynamo, verbose=False)
    assert {node.domain for node in onnx.load(path).graph.node} <= {"", "ai.onnx"}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(out), conv(x).detach(), rtol=1e-5, atol=1e-5)


def test_bad_geometry_is_named():
    with pytest.raises(ModelError, match=r"5 input and 6 output channels.*groups = 2"):
        BinaryConv2d(5, 6, groups=2)
    with pytest.raises(ModelError, match=r"5 input channels.*unit = 2"):
        SubBitConv2d(5, 6, unit=2)
    with pytest.raises(ModelError, match=r"subset of 1024 kernels"):
        SubBitConv2d(4, 6, tau=10)


def test_printout_shows_the_subset():
    assert "VanillaSubset(size=8, unit=(2, 3, 3))" in repr(SubBitConv2d(4, 6, tau=3, unit=2))
