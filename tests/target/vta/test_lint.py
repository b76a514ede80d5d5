"""The SystemVerilog is free of Verilator's warnings, and yosys reads it."""

import pytest

from tvm_snn.target.vta.configuration import CONFIGURATIONS, load_configuration
from tvm_snn.target.vta.simulator.verilated import RTL, lint

NAMES = sorted(path.stem for path in CONFIGURATIONS.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_verilator_has_nothing_to_say(name, tmp_path):
    assert lint(load_configuration(name), tmp_path) == ""


@pytest.mark.parametrize("path", sorted(RTL.iterdir()), ids=lambda path: path.name)
def test_lines_are_at_most_100_characters(path):
    assert max(map(len, path.read_text().splitlines())) <= 100
