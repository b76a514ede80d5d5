"""The SystemVerilog is free of Verilator's warnings, and Icarus reads it as well."""

import shutil
import subprocess

import pytest

from tvm_snn.target.vta.configuration import CONFIGURATIONS, load_configuration
from tvm_snn.target.vta.isa.describe import as_system_verilog
from tvm_snn.target.vta.simulator.verilated import RTL, lint, rtl_sources

NAMES = sorted(path.stem for path in CONFIGURATIONS.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_verilator_has_nothing_to_say(name, tmp_path):
    assert lint(load_configuration(name), tmp_path) == ""


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="there is no Icarus Verilog")
def test_icarus_reads_every_module(tmp_path):
    (tmp_path / "isa.svh").write_text(as_system_verilog())
    command = ["iverilog", "-g2012", "-t", "null", f"-I{tmp_path}", "-s", "accelerator"]

    said = subprocess.run(
        [*command, *map(str, rtl_sources())], capture_output=True, text=True, check=False
    )

    # Selects in an always_comb make it run more often than it has to: all that Icarus has to say.
    lines = said.stderr.splitlines()
    assert [line for line in lines if "constant selects in always_*" not in line] == []
    assert said.returncode == 0


@pytest.mark.parametrize("path", sorted(RTL.iterdir()), ids=lambda path: path.name)
def test_lines_are_at_most_100_characters(path):
    assert max(map(len, path.read_text().splitlines())) <= 100
