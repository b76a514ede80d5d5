"""Checkpoints of the authors' code, against a network with their names and their formulas."""

import pytest
import torch
from torch import nn

from tests.tvm_snn.cli.conftest import failure, tvm_snn
from tvm_snn.errors import ModelError
from tvm_snn.nn import BinaryConv2d, sample_subset
from tvm_snn.zoo import convert_authors_state, from_authors

WIDTHS = (8, 16, 16, 24)
DEPTHS = (2, 1, 1, 1)


class Move(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bias = nn.Parameter(0.1 * torch.randn(1, channels, 1, 1))


class Binarize(nn.Module):
    def __init__(self, size):
        super().__init__()
        signs = sample_subset(size, (1, 3, 3)).reshape(size, 9)
        self.patterns = nn.Parameter(signs * (0.5 + torch.rand(size, 9)))


class Conv(nn.Module):
    def __init__(self, before, after, stride, size):
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(0.1 * torch.randn(after, before, 3, 3))
        if size:
            self.binarize = Binarize(size)

    def forward(self, x):
        binary = self.weight.sign()
        if hasattr(self, "binarize"):
            memory = self.binarize.patterns.sign()
            nearest = torch.cdist(self.weight.reshape(-1, 9), memory).argmin(dim=1)
            binary = memory[nearest].reshape(self.weight.shape)
        scale = self.weight.abs().mean(dim=(1, 2, 3), keepdim=True)
        return nn.functional.conv2d(x, scale * binary, stride=self.stride, padding=1)


class Block(nn.Module):
    def __init__(self, before, after, stride, size):
        super().__init__()
        self.move0, self.move1, self.move2 = Move(before), Move(after), Move(after)
        self.binary_conv = Conv(before, after, stride, size)
        self.bn1 = nn.BatchNorm2d(after)
        self.prelu = nn.PReLU(after)
        self.downsample = None
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(
                nn.AvgPool2d(2, stride),
                nn.Conv2d(before, after, 1, bias=False),
                nn.BatchNorm2d(after),
            )

    def forward(self, x):
        out = self.bn1(self.binary_conv(torch.sign(x + self.move0.bias)))
        out = out + (x if self.downsample is None else self.downsample(x))
        return self.prelu(out + self.move1.bias) + self.move2.bias


class AuthorsNetwork(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        before = WIDTHS[0]
        for i, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True), 1):
            blocks = [Block(before, width, 1 if i == 1 else 2, size)]
            blocks += [Block(width, width, 1, size) for _ in range(depth - 1)]
            self.add_module(f"layer{i}", nn.Sequential(*blocks))
            before = width
        self.fc = nn.Linear(before, 5)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))


def trained(size):
    torch.manual_seed(0)
    model = AuthorsNetwork(size)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    model(torch.randn(4, 3, 64, 64))
    return model.double().eval()


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("size", [16, 32, None])
def test_the_converted_network_computes_the_same(size, prefix):
    theirs = trained(size)
    state = {prefix + name: value for name, value in theirs.state_dict().items()}
    ours, recovered = convert_authors_state(state)
    assert not ours.training
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    torch.testing.assert_close(ours.double()(x), theirs(x))
    assert len(recovered) == (0 if size is None else sum(DEPTHS))
    assert all(layer.entries == 9 * size for layer in recovered)


def test_flat_weights_of_the_older_code_are_unfolded():
    theirs = trained(None)
    state = {
        name.replace("binary_conv.weight", "binary_conv.weights"): (
            value.reshape(-1, 1) if "binary_conv" in name else value
        )
        for name, value in theirs.state_dict().items()
    }
    ours, _ = convert_authors_state(state)
    assert isinstance(ours.stages[0][0].conv, BinaryConv2d)
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    torch.testing.assert_close(ours.double()(x), theirs(x))


def test_what_the_patterns_do_not_tell_is_counted():
    state = trained(16).state_dict()
    patterns = state["layer2.0.binary_conv.binarize.patterns"]
    patterns[3, :4] = torch.tensor([1e-4, -1e-4, 0.0, 2e-3])
    patterns[5] = 0.5 * patterns[4]
    ours, recovered = convert_authors_state(state)
    (layer,) = [layer for layer in recovered if layer.unknown or layer.repeated]
    assert (layer.layer, layer.unknown, layer.repeated) == ("stages.1.0.conv", 3, 1)
    conv = ours.stages[1][0].conv
    assert conv.subset[3].flatten().tolist()[:4] == [1, -1, 1, 1]
    conv.train()
    conv.policy.step.fill_(24)
    conv(torch.zeros(1, 8, 4, 4))
    assert len(torch.unique(conv.subset.flatten(1), dim=0)) == 16


def test_a_file_is_read_and_nothing_in_it_is_executed(tmp_path):
    path = tmp_path / "checkpoint.pth.tar"
    torch.save({"epoch": 3, "state_dict": trained(16).state_dict()}, path)
    model, (example,) = from_authors(str(path))
    assert example.shape == (1, 3, 224, 224)
    assert model.stages[0][0].conv.subset.shape == (16, 1, 3, 3)
    result = tvm_snn("inspect", f"tvm_snn.zoo:from_authors(checkpoint='{path}')", "--json")
    assert result.exit_code == 0, result.output
    torch.save({"state_dict": print}, path)
    assert "Cannot read the checkpoint" in failure(
        "inspect", f"tvm_snn.zoo:from_authors(checkpoint='{path}')"
    )


def without(state, name):
    del state[name]
    return state


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: {"weight": torch.zeros(1)}, "no state dict of the authors'.*weight"),
        (lambda state: without(state, "layer1.1.prelu.weight"), "lacks stages.0.1.prelu.weight"),
        (lambda state: state | {"layer1.0.gate": torch.zeros(1)}, "'layer1.0.gate'"),
        (
            lambda state: state | {"layer1.0.prelu.weight": torch.zeros(3)},
            r"prelu.weight has shape \(3,\); expected is \(8,\)",
        ),
        (
            lambda state: state | {"layer1.0.binary_conv.binarize.patterns": torch.zeros(8, 9)},
            r"different sizes: \[8, 16\]",
        ),
    ],
)
def test_other_state_dicts_are_named(change, message):
    with pytest.raises(ModelError, match=message):
        convert_authors_state(change(trained(16).state_dict()))
