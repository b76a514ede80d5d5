"""ARM's instructions for products of bytes, and the order of bytes that each wants.

A register of weights holds those of a few outputs and channels, a *step*; it is multiplied with a
few pixels' levels of these channels, and the products are added to a register of 32-bit sums.

*lanes* (`sdot` by an element, ARM v8.2): 4 outputs x 4 channels; 4 channels of one pixel are a
quarter of a register that has 16. Levels above 127 are no signed bytes: 128 is taken off each, and
128 times the sum of an output's weights is what its sums start from. Padding is level 0 like any
other, so that the start is the same for all pixels.
*matrices* (`usmmla`, ARM v8.6): 2 outputs x 8 channels, multiplied with 2 pixels x 8 channels, of
unsigned levels. So the image has pixels in pairs: 8 channels of one, then of the one that the next
output pixel reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tvm.ir import Expr
from tvm.script import tirx as T

from ...target import Features

REGISTER_BYTES = 16
SUMS = 4
"""Sums of 32 bits in a register."""
_LARGEST_SIGNED = 127


@dataclass(frozen=True)
class Products:
    """How bytes are multiplied."""

    matrices: bool
    """Whether by `usmmla`; else by `sdot`."""
    offset: int
    """What is taken off each level."""

    @classmethod
    def of(cls, features: Features, top: int) -> "Products":
        """Return the products of a target for levels up to `top`."""
        if features.i8mm:
            return cls(True, 0)
        return cls(False, _LARGEST_SIGNED + 1 if top > _LARGEST_SIGNED else 0)

    @property
    def channels(self) -> int:
        """Channels of a step."""
        return 8 if self.matrices else 4

    @property
    def pixels(self) -> int:
        """Pixels that a register of sums, and one of levels, belongs to."""
        return 2 if self.matrices else 1

    @property
    def outputs(self) -> int:
        """Outputs that a register of sums belongs to."""
        return SUMS // self.pixels

    @property
    def border(self) -> int:
        """The byte that a level of 0 is in the image."""
        return 2**8 - self.offset if self.offset else 0

    def steps_together(self, steps: int) -> int:
        """Return of how many steps a pixel's levels are loaded at once, of a run of `steps`."""
        if self.matrices:
            return 1
        return next(count for count in (4, 2, 1) if steps % count == 0)

    def add(self, sums: Expr, levels: Expr, step: int, count: int, weights: Expr) -> Expr:
        """Return sums with the products of a step added, one of `count` that `levels` have."""
        if self.matrices:
            name = "llvm.aarch64.neon.usmmla.v4i32.v16i8"
            return T.call_llvm_pure_intrin("int32x4", name, sums, levels, weights)
        words = T.reinterpret(f"int32x{count}" if count > 1 else "int32", levels)
        word = T.Shuffle([words], [step]) if count > 1 else words
        spread = T.reinterpret("int8x16", T.broadcast(word, SUMS))
        name = "llvm.aarch64.neon.sdot.v4i32.v16i8"
        return T.call_llvm_pure_intrin("int32x4", name, sums, weights, spread)

    def of_pixels(self, sums: Sequence[Expr]) -> list[list[Expr]]:
        """Return for each pixel of some registers of sums its results, four outputs a vector.

        `sums` are of the same pixels, and of outputs one after the other.
        """
        if not self.matrices:
            return [list(sums)]
        pairs = list(zip(sums[::2], sums[1::2], strict=True))
        return [
            [T.Shuffle(list(pair), [first, first + 1, first + 4, first + 5]) for pair in pairs]
            for first in (0, 2)
        ]
