"""What an ARM processor can do, as Linux tells every process (the auxiliary vector, AT_HWCAP).

/proc/cpuinfo, which LLVM reads, says nothing of the kind under emulation and in some containers.
"""

import platform
import struct
from collections.abc import Collection
from pathlib import Path

_AUXILIARY_VECTOR = Path("/proc/self/auxv")
_AT_HWCAP, _AT_HWCAP2 = 16, 26

# LLVM's names by (entry of the auxiliary vector, bit): linux/arch/arm64/include/uapi/asm/hwcap.h
# and linux/arch/arm/include/uapi/asm/hwcap.h.
_AARCH64 = {
    (_AT_HWCAP, 0): "fp-armv8",
    (_AT_HWCAP, 1): "neon",
    (_AT_HWCAP, 10): "fullfp16",
    (_AT_HWCAP, 12): "rdm",
    (_AT_HWCAP, 14): "complxnum",
    (_AT_HWCAP, 20): "dotprod",
    (_AT_HWCAP, 22): "sve",
    (_AT_HWCAP, 23): "fp16fml",
    (_AT_HWCAP2, 1): "sve2",
    (_AT_HWCAP2, 13): "i8mm",
    (_AT_HWCAP2, 14): "bf16",
}
_ARM = {
    (_AT_HWCAP, 12): "neon",
    (_AT_HWCAP, 13): "vfp3",
    (_AT_HWCAP, 16): "vfp4",
    (_AT_HWCAP, 17): "hwdiv-arm",
    (_AT_HWCAP, 19): "d32",
}
AARCH64_EXTENSIONS = frozenset(_AARCH64.values())
ARM_EXTENSIONS = frozenset(_ARM.values())


def arm_extensions() -> frozenset[str] | None:
    """Return the extensions of this ARM machine, or None on any other, or where Linux is not."""
    machine = platform.machine()
    bits = _AARCH64 if machine == "aarch64" else _ARM if machine.startswith("arm") else None
    if bits is None or not _AUXILIARY_VECTOR.exists():
        return None
    return decode(_AUXILIARY_VECTOR.read_bytes(), bits)


def hwcap_words(family: str, extensions: Collection[str]) -> dict[int, int]:
    """Return the bits that stand for extensions, by entry of the auxiliary vector.

    `family` is "aarch64" or "arm".
    """
    words: dict[int, int] = {}
    for (entry, bit), name in (_AARCH64 if family == "aarch64" else _ARM).items():
        if name in extensions:
            words[entry] = words.get(entry, 0) | 1 << bit
    return words


def decode(vector: bytes, names: dict[tuple[int, int], str]) -> frozenset[str]:
    """Return the names whose bits are set in an auxiliary vector: pairs of native words."""
    entries = dict(struct.iter_unpack("@LL", vector))
    return frozenset(
        name for (entry, bit), name in names.items() if entries.get(entry, 0) >> bit & 1
    )
