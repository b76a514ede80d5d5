"""What yosys makes of the RTL, counted."""

import json
from pathlib import Path

import pytest

from tvm_snn.errors import SnnError
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.resources import XC7Z020, Resources, elaborate
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


@pytest.mark.slow
def test_yosys_reads_every_module(tmp_path):
    elaborate(load_configuration("tiny"), tmp_path)


def test_the_pynq_z2_is_large_enough():
    """From the committed run of `tvm-snn bench --target pynq-z2 --parts resources`."""
    rows = json.loads((RESULTS / "fpga-pynq-z2-resources.json").read_text())["rows"]
    (made,) = [row for row in rows if row["module"] == "accelerator"]
    used = Resources.of(made["cells"])

    given = parameters(load_configuration("pynq-z2"))
    assert made["parameters"] == {name: given[name] for name in given if name != "IDENTITY"}
    assert used.lut <= 0.8 * XC7Z020.lut
    assert used.ff <= XC7Z020.ff
    assert used.bram36 <= 0.9 * XC7Z020.bram36
    assert used.dsp <= XC7Z020.dsp
