"""Borders of an image: output rows and columns by the taps that fall into the padding there.

Kernels that read padding as if it were signs take off what it adds; that depends on the class of
a pixel's row and of its column only, and there are few of them.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from .planes import Convolution


@dataclass(frozen=True)
class Classes:
    """Output rows (or columns) by the taps that are in the padding there, in order."""

    taps: tuple[frozenset[int], ...]
    """For each class, the taps outside of the image."""
    changes: tuple[int, ...]
    """Row at which each class starts."""

    @classmethod
    def of(cls, conv: Convolution, axis: int) -> "Classes":
        """Find the classes along one axis of a convolution."""
        geometry = conv.geometry
        stride, dilation = geometry.strides[axis], geometry.dilation[axis]
        size = (conv.height, conv.width)[axis]
        taps: list[frozenset[int]] = []
        changes: list[int] = []
        for y in range(conv.output_size[axis]):
            first = y * stride - geometry.padding[axis]
            outside = frozenset(
                i for i in range(conv.kernel[axis]) if not 0 <= first + i * dilation < size
            )
            if not taps or outside != taps[-1]:
                taps.append(outside)
                changes.append(y)
        return cls(tuple(taps), tuple(changes))

    def at(self, y: Expr) -> Expr:
        """Return the class of a row."""
        return reduce(add, (T.Cast("int32", y >= c) for c in self.changes[1:]), T.int32(0))

    def outside(self, which: Expr, tap: int) -> Expr:
        """Return whether a tap is in the padding in a class."""
        return tirx.any(
            tirx.const(False), *(which == k for k, taps in enumerate(self.taps) if tap in taps)
        )


@dataclass(frozen=True)
class Borders:
    """The classes of rows and columns of a convolution."""

    rows: Classes
    columns: Classes

    @classmethod
    def of(cls, conv: Convolution) -> "Borders":
        """Find the classes of a convolution."""
        return cls(Classes.of(conv, 0), Classes.of(conv, 1))

    def row(self, y: Expr) -> Expr:
        """Return the class of an output row."""
        return self.rows.at(y)

    def column(self, x: Expr) -> Expr:
        """Return the class of an output column."""
        return self.columns.at(x)


def sum_weights(weight: te.Tensor) -> te.Tensor:
    """Return the weights (O, C, kh, kw) summed over channels, int32 (kh, kw, O)."""
    outputs, channels, kh, kw = (int(size) for size in weight.shape)
    c = te.reduce_axis((0, channels), "c")
    return te.compute(
        (kh, kw, outputs),
        lambda i, j, o: te.sum(weight[o, c, i, j].astype("int32"), axis=[c]),
        name="sum_weights",
    )


def sum_padding(
    sums: te.Tensor, conv: Convolution, filled: int, padding: int, dtype: str
) -> te.Tensor:
    """Return where a sum starts: all its products +1, less what the padding adds.

    `sums` are the weights summed over channels, int32 (kh, kw, O); the padding's signs are all
    `padding`. The result is (row classes, column classes, groups, filled outputs), modulo what
    `dtype` holds.
    """
    borders, (kh, kw) = Borders.of(conv), conv.kernel

    def start(y: Expr, x: Expr, group: Expr, o: Expr) -> Expr:
        result = T.int32(conv.channels * conv.taps)
        row = group * conv.outputs + T.min(o, conv.outputs - 1)
        for i in range(kh):
            for j in range(kw):
                outside = tirx.any(borders.rows.outside(y, i), borders.columns.outside(x, j))
                result = result - T.Select(outside, padding * sums[i, j, row], T.int32(0))
        return T.Cast(dtype, result)

    shape = (len(borders.rows.taps), len(borders.columns.taps), conv.groups, filled)
    return te.compute(shape, start, "sum_padding")
