"""What tests of the ARM benchmark take that a machine may lack; `make tools` fetches it."""

import shutil
from importlib.util import find_spec

import pytest

from tvm_snn.bench.llvm import llvm_tool
from tvm_snn.errors import SnnError


def _has(tool: str) -> bool:
    try:
        llvm_tool(tool)
    except SnnError:
        return False
    return True


needs_llvm = pytest.mark.skipif(not _has("llvm-mca"), reason="needs the package llvm")
needs_counting = pytest.mark.skipif(
    not all(map(shutil.which, ("qemu-aarch64", "gcc")))
    or not all(map(_has, ("llvm-mca", "llvm-objdump")))
    or find_spec("ziglang") is None,
    reason="needs the packages qemu-user, llvm and gcc",
)
