"""The accelerator in Verilator, compiled once for all tests."""

import pytest

from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.simulator.rtl import RtlSimulator


@pytest.fixture(scope="session")
def rtl():
    """Return the RTL of the configuration `tiny`."""
    return RtlSimulator(load_configuration("tiny"))
