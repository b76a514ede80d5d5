"""The products of a step or a few, added to the sums of a tile in registers.

An input value is put into all lanes of a register when it is loaded, as x86 does at no cost. On
aarch64 that takes a vector unit, which then lacks for a product; there the values of a few steps
are loaded as one vector, and products take a lane of it.
"""

from collections.abc import Sequence

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

_MOST_STEPS = 4
"""Float32 lanes of a register of NEON."""


def steps_together(channels: int) -> int:
    """Return of how many steps a pixel's inputs can be loaded as one vector."""
    steps = _MOST_STEPS
    while channels % steps:
        steps //= 2
    return steps


def span(first: Expr | int, count: int) -> Expr | int:
    """Return the index of `count` elements side by side, a scalar's where it is one."""
    return T.ramp(first, 1, count) if count > 1 else first


def add_products(
    sums: tirx.Buffer, inputs: Sequence[Expr], weights: Sequence[Sequence[Expr]], lanes: int
) -> None:
    """Write what adds the products of some steps to the sums of a tile, (pixels * vectors, lanes).

    `inputs` are the pixels' values at these steps: a vector for each pixel, or a value where it is
    one step. `weights` are, for each step, the vectors of outputs.
    """
    outputs = span(0, lanes)
    for step, vectors in enumerate(weights):
        for pixel, values in enumerate(inputs):
            value = T.Shuffle([values], [step]) if len(weights) > 1 else values
            for vector, weight in enumerate(vectors):
                at = pixel * len(vectors) + vector
                factor = T.broadcast(value, lanes) if lanes > 1 else value
                T.buffer_store(sums, sums[at, outputs] + factor * weight, [at, outputs])
