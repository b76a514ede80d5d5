"""`tvm-snn bench` of an accelerator, with cycles of the model."""

import json

from tests.tvm_snn.cli.conftest import failure, tvm_snn
from tvm_snn.bench.fpga import stacks


def test_a_report_is_written(monkeypatch, tmp_path):
    monkeypatch.setitem(stacks.DEPTHS, "small", (1, 1))
    monkeypatch.setattr("tvm_snn.bench.fpga.stacks._WIDTH", 16)

    arguments = ("--target", "paper-64pe", "--networks", "small", "--quick", "--cycles", "model")
    result = tvm_snn("bench", *arguments, "-o", tmp_path)

    assert result.exit_code == 0, result.output
    name = "fpga-paper-64pe-cycles"
    made = json.loads((tmp_path / f"{name}.json").read_text())
    assert made["facts"]["cycles"] == "from the cycle model"
    assert len(made["rows"]) == 3 * 2
    assert "| stage 2 |" in (tmp_path / f"{name}.md").read_text()
    for stage in (1, 2):
        picture = (tmp_path / f"{name}-small-stage{stage}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")


def test_an_unknown_network_is_named(tmp_path):
    arguments = ("--target", "tiny", "--networks", "vgg", "-o", tmp_path)

    assert "no network 'vgg'; it has resnet18, resnet34" in failure("bench", *arguments)
