"""The accelerator in Verilator; the cache compiles it once for all test processes."""

import pytest

from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.simulator.rtl import RtlSimulator


@pytest.fixture(scope="session")
def rtl():
    """Return the RTL of the configuration `tiny`."""
    return RtlSimulator(load_configuration("tiny"))
