"""Instruction set extensions: which a target may use, and which this machine has."""

import platform
from pathlib import Path

from tvm.target import Target
from tvm.target.codegen import llvm_get_cpu_features, llvm_get_system_triple

from ..tvm_api import host_cpu_features
from .hwcap import AARCH64_EXTENSIONS, ARM_EXTENSIONS, arm_extensions

# The extensions that LLVM picks for numeric code, by LLVM's names; others (virtualization,
# cryptography, tuning hints) do not decide whether a kernel runs.
_X86 = (
    "sse3 ssse3 sse4.1 sse4.2 avx avx2 fma f16c popcnt lzcnt bmi bmi2 movbe "
    "avx512f avx512bw avx512cd avx512dq avx512vl avx512vbmi avx512vbmi2 avx512vnni "
    "avx512bitalg avx512vpopcntdq avx512ifma avx512bf16 avx512fp16 avxvnni gfni"
)
_X86_EXTENSIONS = frozenset(_X86.split())
_EXTENSIONS = {"x86": _X86_EXTENSIONS, "aarch64": AARCH64_EXTENSIONS, "arm": ARM_EXTENSIONS}


def extensions_of(target: Target) -> frozenset[str]:
    """Return the extensions that code compiled for an LLVM target may use."""
    with target:
        names = {str(name) for name in llvm_get_cpu_features(target)}
    return _EXTENSIONS[family_of(architecture_of(target))] & names


def host_extensions() -> frozenset[str]:
    """Return the extensions of this machine, as the processor itself reports them."""
    on_arm = arm_extensions()
    return _X86_EXTENSIONS & host_cpu_features() if on_arm is None else on_arm


def host_architecture() -> str:
    """Return the first part of this machine's triple, such as "x86_64"."""
    return _architecture(str(llvm_get_system_triple()))


def architecture_of(target: Target) -> str:
    """Return the first part of a target's triple, such as "aarch64" or "armv7"."""
    return _architecture(str(target.attrs.get("mtriple", "")))


def family_of(architecture: str) -> str:
    """Return "x86", "aarch64" or "arm" (32 bits) for an architecture."""
    if architecture.startswith("x86"):
        return "x86"
    return "aarch64" if architecture == "aarch64" else "arm"


def _architecture(triple: str) -> str:
    first = triple.split("-")[0]
    return {"arm64": "aarch64"}.get(first, first)


def host_processor() -> str:
    """Return the name of this machine's processor, of the whole board where it has one."""
    model = Path("/proc/device-tree/model")
    if model.exists():
        return model.read_text().rstrip("\0")
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
