"""What ARM's estimates add for data that the first cache of a core cannot hold.

Elsewhere estimates were fitted to measurements, which have this in them; those for ARM were fitted
to llvm-mca's models, which know no caches. LINE_CYCLES is assumed (`tvm_snn.bench.arm` says why).
"""

LINE_BYTES = 64
LINE_CYCLES = 6.0
"""Cycles that a line takes from the second cache."""
_CONFLICTS = 1.2
"""Lines that are pushed out, for one that would be if every line could lie everywhere: counted in
simulations of the Cortex-A72's cache, in which a line can lie in two places."""


def near_bytes(recent: bool) -> int:
    """Return the bytes of the first cache of a core: recent ones have twice those of older ones."""
    return (64 if recent else 32) * 1024


def scattered_reads(reads: float, table: int, beside: int, cache: int) -> float:
    """Return the cycles of reading all over a table, while `beside` other bytes are in use, too."""
    lacking = _CONFLICTS * (table + beside - cache) / table
    return LINE_CYCLES * reads * min(1.0, max(0.0, lacking))
