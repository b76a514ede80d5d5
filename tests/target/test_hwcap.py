import struct

from tvm_snn.target import hwcap


def _vector(**entries: int) -> bytes:
    numbers = {"hwcap": 16, "hwcap2": 26, "page_size": 6}
    return b"".join(struct.pack("@LL", numbers[name], value) for name, value in entries.items())


def test_the_bits_of_a_cortex_a72() -> None:
    vector = _vector(page_size=4096, hwcap=0b11 | 1 << 7, hwcap2=0)
    assert hwcap.decode(vector, hwcap._AARCH64) == {"fp-armv8", "neon"}


def test_the_bits_of_newer_processors() -> None:
    vector = _vector(hwcap=0b11 | 1 << 20, hwcap2=1 << 13)
    assert hwcap.decode(vector, hwcap._AARCH64) == {"fp-armv8", "neon", "dotprod", "i8mm"}


def test_the_bits_of_a_cortex_a9() -> None:
    vector = _vector(hwcap=1 << 12 | 1 << 13 | 1 << 19)
    assert hwcap.decode(vector, hwcap._ARM) == {"neon", "vfp3", "d32"}
