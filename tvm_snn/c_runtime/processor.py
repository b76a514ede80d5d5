"""Does the processor have what the kernels may use? C that asks before the first of them runs.

Without it, a program on an older processor would be ended by the system at some instruction.
"""

from collections.abc import Collection
from importlib.resources import files

from ..target import family_of
from ..target.hwcap import hwcap_words
from .c_text import quoted

_EAX, _EBX, _ECX, _EDX = range(4)

# Where CPUID says what, by LLVM's names: leaf, subleaf, register, bit (Intel, "Software Developer's
# Manual", volume 2, CPUID).
_CPUID = {
    "sse3": (1, 0, _ECX, 0),
    "ssse3": (1, 0, _ECX, 9),
    "fma": (1, 0, _ECX, 12),
    "sse4.1": (1, 0, _ECX, 19),
    "sse4.2": (1, 0, _ECX, 20),
    "movbe": (1, 0, _ECX, 22),
    "popcnt": (1, 0, _ECX, 23),
    "avx": (1, 0, _ECX, 28),
    "f16c": (1, 0, _ECX, 29),
    "bmi": (7, 0, _EBX, 3),
    "avx2": (7, 0, _EBX, 5),
    "bmi2": (7, 0, _EBX, 8),
    "avx512f": (7, 0, _EBX, 16),
    "avx512dq": (7, 0, _EBX, 17),
    "avx512ifma": (7, 0, _EBX, 21),
    "avx512cd": (7, 0, _EBX, 28),
    "avx512bw": (7, 0, _EBX, 30),
    "avx512vl": (7, 0, _EBX, 31),
    "avx512vbmi": (7, 0, _ECX, 1),
    "avx512vbmi2": (7, 0, _ECX, 6),
    "gfni": (7, 0, _ECX, 8),
    "avx512vnni": (7, 0, _ECX, 11),
    "avx512bitalg": (7, 0, _ECX, 12),
    "avx512vpopcntdq": (7, 0, _ECX, 14),
    "avx512fp16": (7, 0, _EDX, 23),
    "avxvnni": (7, 1, _EAX, 4),
    "avx512bf16": (7, 1, _EAX, 5),
    "lzcnt": (0x80000001, 0, _ECX, 5),
}
_SSE2 = (1, 0, _EDX, 26)


def processor_check(architecture: str, extensions: Collection[str]) -> str:
    """Return C that defines `snn_processor_fits()` and SNN_EXTENSIONS_TEXT.

    The extensions are those that code for the architecture may use, by LLVM's names.
    """
    text = ", ".join(sorted(extensions)) or "nothing but the base of its architecture"
    if family_of(architecture) == "x86":
        template, definitions = "processor_x86.h", _on_x86(extensions)
    else:
        template, definitions = "processor_arm.h", _on_arm(architecture, extensions)
    check = files(__package__).joinpath(template).read_text()
    return f"#define SNN_EXTENSIONS_TEXT {quoted(text)}\n{definitions}\n\n{check}"


def _on_x86(extensions: Collection[str]) -> str:
    rows = [_SSE2, *(_CPUID[name] for name in sorted(extensions))]
    wide = any(name.startswith("avx512") for name in extensions)
    registers = (
        "SNN_REGISTERS_512" if wide else "SNN_REGISTERS_256" if "avx" in extensions else "0u"
    )
    listed = ", ".join(f"{{{leaf:#x}, {sub}, {reg}, {bit}}}" for leaf, sub, reg, bit in rows)
    return f"#define SNN_REQUIRED {listed}\n#define SNN_REGISTERS {registers}"


def _on_arm(architecture: str, extensions: Collection[str]) -> str:
    words = hwcap_words(family_of(architecture), extensions)
    listed = ", ".join(f"{{{entry}, {mask:#x}}}" for entry, mask in sorted(words.items()))
    return f"#define SNN_REQUIRED {listed or '{16, 0}'}"
