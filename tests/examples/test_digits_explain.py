"""Telling a tie from a fault."""

import numpy as np
import pytest
import torch
from digits_explain import differing, explain, first_tie
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


def test_equal_logits_do_not_differ():
    logits = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert differing(logits, logits + 1e-6).size == 0


def test_other_logits_and_other_classes_differ():
    expected = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 5.0001]])
    found = np.array([[1.0, 2.0], [3.1, 4.0], [5.0001, 5.0]])
    assert differing(expected, found).tolist() == [1, 2]


def test_close_classes_are_a_reason():
    expected, found = np.array([[5.0, 5.0001]]), np.array([[5.0001, 5.0]])
    assert "two best classes are 1.0e-04 apart" in explain(
        Network(0.5), image(2.0, 3.0), expected, found
    )


def test_other_logits_need_a_tie_in_a_sign():
    expected, found = np.array([[3.0, 1.0]]), np.array([[-3.0, 1.0]])
    assert "tie in first" in explain(Network(0.5), image(1.0, 3.0), expected, found)
    assert explain(Network(0.5), image(2.0, 3.0), expected, found) is None
