"""The time of a kernel alone: without the call of the virtual machine that a layer is wrapped in.

Such a call checks its arguments and allocates the result anew. A single layer would be charged tens
of microseconds for that: not for the calls, but because results then alternate between buffers,
which together leave the caches. In a network the buffers are planned and used again.
"""

from collections.abc import Sequence
from typing import Any

import tvm
from numpy.typing import NDArray
from tvm import relax

from .timing import Contender


def kernel_contender(
    library: tvm.runtime.Module, machine: relax.VirtualMachine, arguments: Sequence[Any]
) -> Contender:
    """Return what calls the kernels of `main` directly, on the arguments that `main` gives them.

    `library` is what the virtual machine runs. A run counts as the sum of its kernels, each timed
    by TVM from just before the call of the compiled function to just after it; TVM calls it once
    before. `arguments` are those of `main`.
    """
    calls = kernel_calls(library, machine, arguments)
    evaluators = [
        (module.time_evaluator(name, tvm.cpu(), number=1), operands)
        for module, name, operands in calls
    ]
    spent = 0.0

    def run() -> None:
        nonlocal spent
        spent = sum(float(time(*operands).mean) for time, operands in evaluators)

    def result() -> NDArray:
        run()
        # A kernel writes to its last argument.
        array: NDArray = calls[-1][2][-1].numpy()
        return array

    return Contender(run, result, lambda: spent * 1e6)


KernelCall = tuple[tvm.runtime.Module, str, tuple[Any, ...]]
"""A compiled function by its module and its name, and what it is called with."""


def kernel_calls(
    library: tvm.runtime.Module, machine: relax.VirtualMachine, arguments: Sequence[Any]
) -> list[KernelCall]:
    """Return the kernels that `main` runs on these arguments, in order, with their own."""
    calls: list[KernelCall] = []

    def instrument(_function: Any, name: str, before: bool, _result: Any, *operands: Any) -> int:
        module = _holder(library, str(name)) if before else None
        if module is not None:
            calls.append((module, str(name), operands))
        return 0

    machine.set_instrument(instrument)
    machine["main"](*arguments)
    # The virtual machine has no way to drop an instrument; this one does nothing.
    machine.set_instrument(lambda *_: 0)
    return calls


def _holder(library: tvm.runtime.Module, name: str) -> tvm.runtime.Module | None:
    """Return the module of machine code that has a function of this name, if one has."""
    return next((each for each in library.imports if each.implements_function(name)), None)
