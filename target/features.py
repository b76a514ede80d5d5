"""What the schedules ask of a target: vector width and the instructions they can count on.

Everything is derived from the target description (`mcpu`, `mattr`), never from the machine that
compiles, so that a network compiled here runs there.
"""

from dataclasses import dataclass

from tvm.target import Target
from tvm.target.codegen import llvm_get_cpu_features, llvm_get_vector_width


@dataclass(frozen=True)
class Features:
    """The facts about a target that a schedule may depend on."""

    architecture: str
    """First part of the target triple: "x86_64", "aarch64", "armv7", ..."""
    vector_bits: int
    """Width of the widest integer and float vector register."""
    popcount: bool
    """Whether one instruction counts the bits of every 64-bit lane (AVX-512 VPOPCNTDQ)."""
    byte_permute: bool
    """Whether one instruction permutes the bytes of a whole register (AVX-512 VBMI)."""

    byte_shuffle: bool
    """Whether one instruction permutes the bytes within every 128-bit lane (x86 SSSE3)."""

    @property
    def vector_bytes(self) -> int:
        """Width of the widest vector register in bytes."""
        return self.vector_bits // 8


def features_of(target: Target) -> Features:
    """Return the features of an LLVM target, as LLVM derives them from `mcpu` and `mattr`."""
    with target:
        names = {str(name) for name in llvm_get_cpu_features(target)}
        architecture = str(target.attrs.get("mtriple", "")).split("-")[0]
        if architecture.startswith("x86_64"):
            vector_bits = _x86_vector_bits(names)
        else:
            vector_bits = int(llvm_get_vector_width(target))
    return Features(
        architecture=architecture,
        vector_bits=vector_bits,
        popcount="avx512vpopcntdq" in names,
        byte_permute="avx512vbmi" in names,
        byte_shuffle="ssse3" in names,
    )


def _x86_vector_bits(names: set[str]) -> int:
    # AVX without AVX2 has 256-bit floats but 128-bit integers: the integer width decides.
    if "avx512bw" in names:
        return 512
    return 256 if "avx2" in names else 128
