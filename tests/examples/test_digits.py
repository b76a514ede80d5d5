"""The demo as a whole, with next to no training."""

import digits
import pytest
from click.testing import CliRunner

import tvm_snn


@pytest.fixture(autouse=True)
def one_variant(monkeypatch):
    """`make demo` itself runs both."""
    monkeypatch.setattr(digits, "VARIANTS", ("W1A1",))


@pytest.mark.slow
def test_demo_ends_well(tmp_path):
    result = CliRunner().invoke(digits.main, ["--epochs", "1", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert result.output.count("verified") >= 2
    for network in ("w1a1-pt2", "w1a1-onnx"):
        assert (tmp_path / f"{network}.snn").stat().st_size > 0


def test_a_failed_verification_ends_with_one(tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise tvm_snn.VerificationError("block1.conv [0] is off by 3")

    monkeypatch.setattr(tvm_snn, "compile", fail)
    result = CliRunner().invoke(digits.main, ["--epochs", "1", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "block1.conv [0] is off by 3" in result.output


def test_an_unexplained_difference_ends_with_one(tmp_path, monkeypatch):
    outcome = digits.Outcome("W1A1 .pt2", 0.99, 0.5, 170, 1, 1.0, 1.0)
    monkeypatch.setattr(digits, "_run", lambda *_: outcome)
    result = CliRunner().invoke(digits.main, ["--epochs", "1", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "the compiled network is wrong" in " ".join(result.output.split())
