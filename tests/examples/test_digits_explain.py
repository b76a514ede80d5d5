"""Telling a tie from a fault."""

import pytest
import torch
from digits_explain import first_tie
from torch import nn

from tvm_snn.nn import BinaryActivation


class Network(nn.Module):
    """Two signs in a row over the pixels, then logits."""

    def __init__(self, second_offset):
        super().__init__()
        self.first = BinaryActivation()
        self.second = BinaryActivation()
        self.second_offset = second_offset

    def forward(self, x):
        y = self.first(x / 3 * 3 - 1)
        return self.second(y * 0.1 + self.second_offset).flatten(1) * torch.tensor([3.0, 1.0])


def image(*values):
    return torch.tensor(values).reshape(1, 1, 1, -1)


def test_no_close_decision_is_no_tie():
    assert first_tie(Network(0.5), image(2.0, 3.0)) is None


@pytest.mark.parametrize("pixel", [1.0, 1.0 + 1e-7])
def test_a_value_within_rounding_of_zero_is_found(pixel):
    tie = first_tie(Network(0.5), image(pixel, 3.0))
    assert tie.layer == "first"
    assert tie.count == 1
    assert tie.distance < 1e-6
    assert "first: 1 value(s)" in str(tie)


def test_the_first_layer_with_a_tie_is_named():
    assert first_tie(Network(-0.1), image(2.0, 3.0)).layer == "second"


def test_equal_logits_are_a_tie_of_the_class():
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    with torch.no_grad():
        model[1].weight.fill_(0.3)
        model[1].bias.fill_(0.1)
    assert first_tie(model, image(2.0, 3.0)).layer == "choice of the class"
