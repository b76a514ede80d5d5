"""What Vivado is given: the simulators' sources, and a script whose calls fit them.

Vivado itself is not here. The script runs in tclsh, where every command of Vivado's is recorded.
"""

import re
import shutil
import subprocess

import pytest

from tvm_snn.errors import TargetError
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.simulator.verilated import lint, parameters, rtl_sources
from tvm_snn.target.vta.vivado.export import TOP, export, main

Z2 = load_configuration("pynq-z2")

RECORDER = """
proc unknown {name args} {
  puts "$name $args"
  if {$name eq "get_property"} {
    return [dict get {PROGRESS 100% STATS.WNS SLACK} [lindex $args 0]]
  }
  if {$name eq "create_bd_cell"} {return [lindex $args end]}
  if {$name in {get_bd_pins get_bd_intf_pins}} {return [lindex $args 0]}
  if {$name eq "get_board_parts"} {return BOARDS}
  if {$name eq "launch_runs"} {
    foreach {folder file} {
      accelerator.gen/sources_1/bd/system/hw_handoff system.hwh
      accelerator.runs/impl_1 system_wrapper.bit
    } {
      file mkdir $::here/project/$folder
      close [open $::here/project/$folder/$file w]
    }
  }
  return $name
}
source build.tcl
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("vivado")
    export(Z2, path)
    return path


def run(folder, slack="0.5", boards="tul.com.tw:pynq-z2:part0:1.0"):
    """Return what tclsh said of the script, its status first."""
    if shutil.which("tclsh") is None:
        pytest.skip("there is no tclsh")
    script = RECORDER.replace("SLACK", slack).replace("BOARDS", f"{{{boards}}}")
    return subprocess.run(
        ["tclsh"], cwd=folder, input=script, capture_output=True, text=True, check=False
    )


def test_the_sources_are_those_of_the_simulators(folder):
    text = (folder / "design.tcl").read_text()

    listed = re.search(r"set sources \{(.*)\}", text).group(1).split()

    wanted = [f"rtl/{path.name}" for path in rtl_sources()]
    assert listed == [*wanted, "rtl/isa.svh", "accelerator_axi.v"]
    assert all((folder / name).is_file() for name in listed)
    assert load_configuration(folder / "configuration.json") == Z2


def test_the_script_runs_and_leaves_the_bitstream(folder):
    said = run(folder)

    assert said.stderr == ""
    assert "set_property board_part tul.com.tw:pynq-z2:part0:1.0" in said.stdout
    assert "0.5 ns of slack at 100 MHz" in said.stdout
    assert (folder / "accelerator.bit").exists()
    assert (folder / "accelerator.hwh").exists()


def test_every_parameter_of_the_configuration_is_set(folder):
    said = run(folder).stdout

    declared = set(re.findall(r"parameter (\w+) =", TOP.read_text()))
    assert declared == set(parameters(Z2))
    for name, value in parameters(Z2).items():
        assert f"set_property CONFIG.{name} {value} accelerator\n" in said


def test_every_port_of_the_accelerator_is_connected(folder):
    said = run(folder).stdout

    ports = set(re.findall(r"(?:input|output) +wire +(?:\[[^]]+\] +)?(\w+)", TOP.read_text()))
    interfaces = {re.sub(r"_axi_\w+", "_axi", port) for port in ports}
    connected = set(re.findall(r"accelerator/(\w+)", said))
    assert connected == interfaces == {"aclk", "aresetn", "s_axi", "m_axi", "irq"}


def test_a_design_that_is_too_slow_fails(folder):
    said = run(folder, slack="-0.25")

    assert "timing is not met: -0.25 ns at 100 MHz" in said.stderr


def test_without_the_boards_file_it_says_so(folder):
    said = run(folder, boards="")

    assert "WARNING: no board file" in said.stdout
    assert "apply_board_preset 0" in said.stdout


def test_verilator_has_nothing_to_say_about_the_top(tmp_path):
    assert lint(load_configuration("tiny"), tmp_path, TOP) == ""


def test_a_bus_that_does_not_fit_the_board_is_refused(tmp_path, capsys):
    with pytest.raises(TargetError, match="bus of 16 bytes"):
        export(load_configuration("paper-64pe"), tmp_path)

    assert main(["--configuration", "nothing", "--output", str(tmp_path)]) == 1
    assert "No accelerator configuration 'nothing'" in capsys.readouterr().err
