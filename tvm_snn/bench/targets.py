"""The targets that kernels are measured for, and what the tables call them."""

from tvm.target import Target

from ..target import features_of, parse_target

HOST = "host"
_AVX2 = "llvm -mcpu=haswell"
_NAMES = {512: "AVX-512", 256: "AVX2", 128: "128-bit vectors"}


def bench_targets(target: str) -> dict[str, Target]:
    """Return the targets by name; for a host with AVX-512 also what a machine without it gets."""
    parsed = [parse_target(target)]
    if target == HOST and features_of(parsed[0]).vector_bits == 512:
        parsed.append(parse_target(_AVX2))
    return {_NAMES[features_of(each).vector_bits]: each for each in parsed}
