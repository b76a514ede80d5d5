"""The clock of the processor as it runs right now, by a chain of instructions of known latency."""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

import tvm
from tvm.script import tirx as T
from tvm.target import Target

_STEPS = 1 << 20
_STEP_CYCLES = 4
"""A product of 64 bits takes 3 cycles and an exclusive or 1, on x86 processors since 2013."""
_RUNS = 5


@T.prim_func(s_tir=True)
def _chain(numbers: T.Buffer((1,), "uint64")):
    T.func_attr({"global_symbol": "chain"})
    number = T.sblock_alloc_buffer((1,), "uint64")
    with T.sblock("chain"):
        number[0] = numbers[0]
        for _ in range(_STEPS):
            number[0] = number[0] * T.uint64(0x5851F42D4C957F2D) ^ T.uint64(0x14057B7EF767814F)
        numbers[0] = number[0]


def clock_hertz() -> float:
    """Return the cycles of a second: the most that any of a few short runs shows."""
    library = tvm.compile(tvm.IRModule({"chain": _chain}), Target("llvm"))
    time = library.mod.time_evaluator("chain", tvm.cpu(), number=1, repeat=_RUNS)
    numbers = tvm.runtime.empty((1,), "uint64")
    return _STEPS * _STEP_CYCLES / min(time(numbers).results)
