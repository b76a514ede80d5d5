"""The small network as a C library, made once for all tests that need one."""

import pytest

from tests.compiled import small_network
from tvm_snn.c_runtime import CLibrary


@pytest.fixture(scope="session")
def small_library(tmp_path_factory) -> CLibrary:
    return small_network().export_c(tmp_path_factory.mktemp("small") / "small.so")
