"""The comparison with the authors' code: it has to see a difference where there is one."""

import authors_code
import pytest
import torch
from click.testing import CliRunner

from tvm_snn.nn import BinaryActivation


def test_a_folder_that_is_no_checkout_is_named(tmp_path):
    result = CliRunner().invoke(authors_code.main, [str(tmp_path)])
    assert result.exit_code == 2
    assert "no checkout of yikaiw/SNN" in result.output


@pytest.mark.parametrize(("estimator", "same"), [("polynomial", True), ("clipped", False)])
def test_another_gradient_is_a_difference(estimator, same):
    torch.manual_seed(0)
    assert (authors_code.signs(BinaryActivation(estimator)) < 1e-6) == same
