"""Instruction set extensions: which a target may use, and which this machine has."""

import platform
from pathlib import Path

from tvm.target import Target
from tvm.target.codegen import llvm_get_cpu_features, llvm_get_system_triple

from ..tvm_api import host_cpu_features

# The extensions that LLVM picks for numeric code, by LLVM's names; others (virtualization,
# cryptography, tuning hints) do not decide whether a kernel runs.
_X86 = (
    "sse3 ssse3 sse4.1 sse4.2 avx avx2 fma f16c popcnt lzcnt bmi bmi2 movbe "
    "avx512f avx512bw avx512cd avx512dq avx512vl avx512vbmi avx512vbmi2 avx512vnni "
    "avx512bitalg avx512vpopcntdq avx512ifma avx512bf16 avx512fp16 avxvnni gfni"
)
_ARM = "neon fp-armv8 dotprod i8mm fullfp16 sve"
_EXTENSIONS = frozenset(f"{_X86} {_ARM}".split())


def extensions_of(target: Target) -> frozenset[str]:
    """Return the extensions that code compiled for an LLVM target may use."""
    with target:
        names = {str(name) for name in llvm_get_cpu_features(target)}
    return _EXTENSIONS & names


def host_extensions() -> frozenset[str]:
    """Return the extensions of this machine, as the processor itself reports them."""
    return _EXTENSIONS & host_cpu_features()


def host_architecture() -> str:
    """Return the first part of this machine's triple, such as "x86_64"."""
    return str(llvm_get_system_triple()).split("-")[0]


def host_processor() -> str:
    """Return the name of this machine's processor, as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
