"""What the schedules ask of a target: vector width and the instructions they can count on.

Everything is derived from the target description (`mcpu`, `mattr`), never from the machine that
compiles, so that a network compiled here runs there.
"""

from dataclasses import dataclass

from tvm.target import Target
from tvm.target.codegen import llvm_get_cpu_features, llvm_get_vector_width

from .extensions import architecture_of, family_of

_VFP = {"vfp3sp": 3, "vfp3d16sp": 3, "vfp4sp": 4, "vfp4d16sp": 4, "fp-armv8": 5, "fp-armv8sp": 5}
"""LLVM's names of ARM's float units, and their versions."""
_AMD, _ZEN_5 = "sse4a", "avx512vp2intersect"
"""Extensions that AMD's processors alone have, and of those with AVX-512 all but the first."""
_IN_ORDER = {f"a{number}" for number in (5, 7, 8, 34, 35, 53, 55, 510, 520)}
"""LLVM's names of ARM's processors that start instructions in the order of the program."""


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
    bit_matrices: bool
    """Whether one instruction multiplies 8x8 bits with every byte of a register (x86 GFNI)."""

    byte_shuffle: bool
    """Whether one instruction permutes the bytes within every 128-bit lane (x86 SSSE3)."""
    neon: bool
    """Whether there are ARM's 128-bit vectors."""
    dotprod: bool
    """Whether one instruction adds four products of bytes to every 32-bit lane (ARM v8.2)."""
    i8mm: bool
    """Whether one instruction multiplies 2x8 by 8x2 matrices of bytes (ARM v8.6)."""
    vfp: int
    """Version of ARM's float unit: 3, 4 (with fused multiply-add), 5 (ARM v8), or 0 for none."""
    in_order: bool
    """Whether it is a small ARM processor, which starts instructions in the program's order."""
    amd: bool
    """Whether it is one of AMD's processors."""
    split_vectors: bool
    """Whether instructions of 512 bits are worked off in halves (AMD's Zen 4)."""

    @property
    def vector_bytes(self) -> int:
        """Width of the widest vector register in bytes."""
        return self.vector_bits // 8


def features_of(target: Target) -> Features:
    """Return the features of an LLVM target, as LLVM derives them from `mcpu` and `mattr`."""
    with target:
        names = {str(name) for name in llvm_get_cpu_features(target)}
        default_bits = int(llvm_get_vector_width(target))
    architecture = architecture_of(target)
    on_arm = family_of(architecture) != "x86"
    return Features(
        architecture=architecture,
        vector_bits=_arm_vector_bits(names, default_bits) if on_arm else _x86_vector_bits(names),
        popcount="avx512vpopcntdq" in names,
        byte_permute="avx512vbmi" in names,
        bit_matrices="gfni" in names,
        byte_shuffle="ssse3" in names,
        neon=on_arm and "neon" in names,
        dotprod=on_arm and "dotprod" in names,
        i8mm=on_arm and "i8mm" in names,
        vfp=max((version for name, version in _VFP.items() if name in names), default=0),
        in_order=on_arm and not _IN_ORDER.isdisjoint(names),
        amd=_AMD in names,
        split_vectors=_AMD in names and "avx512f" in names and _ZEN_5 not in names,
    )


def _arm_vector_bits(names: set[str], default: int) -> int:
    # Schedules are written for NEON: longer vectors of SVE are of no known length.
    return 128 if "neon" in names else default


def _x86_vector_bits(names: set[str]) -> int:
    # AVX without AVX2 has 256-bit floats but 128-bit integers: the integer width decides.
    if "avx512bw" in names:
        return 512
    return 256 if "avx2" in names else 128
