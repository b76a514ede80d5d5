"""What yosys makes of the RTL, counted."""

import json
from pathlib import Path

import pytest

from tvm_snn.errors import SnnError
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.resources import XC7Z020, Resources, elaborate, report
from tvm_snn.target.vta.simulator.verilated import parameters

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


def test_cells_are_counted():
    used = Resources.of(
        {"LUT6": 2, "RAM32M": 3, "FDRE": 5, "RAMB18E1": 3, "DSP48E1": 1, "CARRY4": 9}
    )

    assert used == Resources(lut=14, ff=5, bram36=1.5, dsp=1)


def test_a_memory_of_unknown_cells_is_an_error():
    with pytest.raises(SnnError, match="RAM512X1S"):
        Resources.of({"RAM512X1S": 1})


def test_the_report_says_what_part_of_the_device_is_used():
    text = report(load_configuration("tiny"), {"LUT6": 26_600, "RAMB36E1": 14}, XC7Z020)

    assert "| LUT | 26,600 | 53,200 | 50.0 % |" in text
    assert "| BRAM36 | 14 | 140 | 10.0 % |" in text


@pytest.mark.slow
def test_yosys_reads_every_module(tmp_path):
    elaborate(load_configuration("tiny"), tmp_path)


def test_the_pynq_z2_is_large_enough():
    """From the committed run of `python -m tvm_snn.target.vta.resources`."""
    made = json.loads((RESULTS / "fpga-pynq-z2.json").read_text())
    used = Resources.of(made["cells"])

    assert made["parameters"] == parameters(load_configuration("pynq-z2"))
    assert used.lut <= 0.8 * XC7Z020.lut
    assert used.ff <= XC7Z020.ff
    assert used.bram36 <= 0.9 * XC7Z020.bram36
    assert used.dsp <= XC7Z020.dsp
