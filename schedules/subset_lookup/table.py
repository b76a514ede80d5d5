"""The table of responses that strategy `subset_lookup` reads, and the indices into its rows.

A patch of signs in one channel is a *code*, one bit for each sign that is negative. The table has
a row for every code, and in it the response of each subset kernel. Rather than the number of
signs that differ, `differ`, a response is
    (differ + parity(kernel) - parity(code)) / 2,
a whole number, since `differ` is odd just where one of the two parities is. It takes one bit less,
so that nearly twice as many responses fit into a sum of 8 bits. The kernels' parities add up to a
constant of the output, and the codes' parities to a number for the pixel, common to all outputs.
"""

from functools import reduce
from operator import add, xor

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ..planes import Convolution
from .byte_lookup import ByteLookup

PATCH_BITS = 9
"""Longest code: a table of 2^9 rows stays in the first-level cache."""
BYTE = 8
"""Channels of a 1x1 unit that make one code together: a byte of packed signs."""
_U8_MAX, _NIBBLE_MAX = 255, 15
_MOST_JOINED = 6
_CACHE_BYTES, _SPLIT_CACHE_BYTES = 32 * 1024, 16 * 1024
"""Table that the first-level cache holds next to indices, codes and sums; on processors that work
vectors off in halves, too, whose cache is smaller."""


class Table:
    """The rows of responses of one call's subset, and how they are addressed.

    The patch of a channel is cut into *pieces*, a few rows of the kernel each, so that a code is
    no longer than PATCH_BITS. Where a kernel is 1x1 and units have whole bytes of channels, a
    piece is 8 channels instead. The responses of a unit are the sum of its pieces' rows. Where
    K^2 <= 64 (or whatever one instruction looks up), two units are joined to one in the same way.
    """

    def __init__(
        self, lookup: ByteLookup, subset: tuple[int, ...], units: int, sharing: int = 1
    ) -> None:
        """Choose the table for a subset (K, g, kh, kw) of which a group of outputs has `units`.

        `sharing` is how many pixels' responses share a byte: 1, or 2 where `sharable` says so.
        """
        self.lookup, self.sharing = lookup, sharing
        kernels, unit, self.kh, self.kw = subset
        self.subset_kernels, self.subset_unit = kernels, unit
        self.rows = min(self.kh, max(1, PATCH_BITS // self.kw))
        self.joined = max(
            m
            for m in range(1, _MOST_JOINED + 1)
            if m == 1
            or (
                kernels**m <= lookup.entries
                and units % m == 0
                and self._most(m * unit) <= lookup.most_response
            )
        )
        self.kernels, self.unit = kernels**self.joined, unit * self.joined
        self.units = units // self.joined
        self.run = max(1, _NIBBLE_MAX // self.most) if sharing == 2 else 1
        """Units whose responses are summed up in a pixel's share of a byte."""
        runs, most = -(-self.units // self.run), max(1, _U8_MAX // self.most // self.run)
        self.chunks = -(-runs // most)
        """Chunks of units whose responses are summed up in 8 bits."""
        self.chunk = -(-runs // self.chunks) * self.run
        """Units of a chunk: whole runs; the last chunk may be shorter."""

    @property
    def taps(self) -> int:
        """Weights of a unit in one channel."""
        return self.kh * self.kw

    @property
    def code_channels(self) -> int:
        """Channels that a code is made from."""
        return self._code_channels(self.unit)

    @property
    def cuts(self) -> int:
        """Pieces that a channel's patch is cut into."""
        return -(-self.kh // self.rows)

    @property
    def pieces(self) -> int:
        """Pieces of a unit."""
        return self.unit // self.code_channels * self.cuts

    @property
    def most(self) -> int:
        """Largest response of a unit."""
        return self._most(self.unit)

    @property
    def code_bits(self) -> int:
        """Bits of a code."""
        return BYTE if self.code_channels == BYTE else self.rows * self.kw

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.lookup.row_bytes(self.kernels)

    @property
    def piece_bytes(self) -> int:
        """Bytes of the rows of one piece."""
        return self.row_bytes << self.code_bits

    @property
    def cached(self) -> bool:
        """Whether the first-level cache holds the table."""
        most = _SPLIT_CACHE_BYTES if self.lookup.split else _CACHE_BYTES
        return self.pieces * self.piece_bytes <= most

    @property
    def steps(self) -> int:
        """Instructions that look up one vector of responses."""
        return self.lookup.steps(self.kernels)

    @property
    def swaps(self) -> bool:
        """Whether one register has the whole row; see `ByteLookup.swaps`."""
        return self.lookup.swaps(self.kernels)

    @property
    def loaded(self) -> int:
        """Registers that a row is loaded into; those for further steps are made of the first."""
        return 1 if self.swaps else self.steps

    @property
    def part_bytes(self) -> int:
        """Bytes of a row that one register is loaded with."""
        return self.row_bytes // self.loaded

    def _code_channels(self, unit: int) -> int:
        return BYTE if self.taps == 1 and unit % BYTE == 0 else 1

    def _most(self, unit: int) -> int:
        """Return the largest response of a unit: of each piece, half of its bits, rounded up."""
        if self._code_channels(unit) == BYTE:
            return unit // 2
        sizes = [min(self.rows, self.kh - i) * self.kw for i in range(0, self.kh, self.rows)]
        return unit * sum(-(-bits // 2) for bits in sizes)

    def place(self, piece: Expr, bit: int) -> tuple[Expr, Expr, Expr | int]:
        """Return (channel within the unit, kernel row, kernel column) of a bit of a code.

        Bits go down the rows of a column first. The kernel row of a bit that is not used lies past
        the kernel.
        """
        if self.code_channels == BYTE:
            return piece * BYTE + bit, T.int32(0), 0
        row = piece % self.cuts * self.rows + bit % self.rows
        return piece // self.cuts, row, bit // self.rows


def fits(lookup: ByteLookup, subset: tuple[int, ...]) -> bool:
    """Return whether the response of a unit of this subset is one that the target can add up."""
    return Table(lookup, subset, 1).most <= lookup.most_response


def sharable(lookup: ByteLookup, subset: tuple[int, ...], units: int) -> bool:
    """Return whether the responses of two pixels to a unit of this subset fit into a byte."""
    return Table(lookup, subset, units).most <= _NIBBLE_MAX


def pack_rows(subset: te.Tensor, table: Table) -> te.Tensor:
    """Return the responses to every code: int8 (K, g, kh, kw) to uint8 (pieces*codes*row bytes).

    Where two pixels share a byte they are what `ByteLookup.share` takes.
    """
    factor = table.lookup.shared_factor if table.sharing == 2 else 1

    def entry(at: Expr) -> Expr:
        return T.Cast("uint8", response(subset, table, at // table.piece_bytes, at) * factor)

    return te.compute((table.pieces * table.piece_bytes,), entry, "pack_rows")


def response(subset: te.Tensor, table: Table, piece: Expr, at: Expr) -> Expr:
    """Return the response of a piece at byte `at` of its rows, or of rows of as many bytes."""
    k = T.min(at % table.row_bytes, table.kernels - 1)
    code = at % table.piece_bytes // table.row_bytes
    differences, kernel_bits, code_bits = [], [], []
    for b in range(table.code_bits):
        channel, i, j = table.place(piece, b)
        present = T.Cast("int32", i < table.kh)
        kernel = k
        for s in range(1, table.joined):
            digit = k // table.subset_kernels**s
            kernel = T.Select(channel // table.subset_unit == s, digit, kernel)
        weight = subset[
            kernel % table.subset_kernels,
            channel % table.subset_unit,
            T.min(i, table.kh - 1),
            j,
        ]
        kernel_bits.append(T.Cast("int32", weight < T.int8(0)) * present)
        code_bits.append((code >> b & 1) * present)
        differences.append(kernel_bits[-1] ^ code_bits[-1])
    parities = reduce(xor, kernel_bits) - reduce(xor, code_bits)
    return (reduce(add, differences) + parities) >> 1


def pack_lanes(indices: te.Tensor, table: Table, groups: int, blocks: int) -> te.Tensor:
    """Return the indices as the lookup reads them.

    uint8 (O, units) to uint8 (groups, parts, units, blocks, steps, vector bytes): the vectors of a
    part of the outputs, unit by unit. Even bytes are the first half of the outputs of a block and
    odd bytes the other half, so that taking even and odd bytes of the sums apart leaves outputs in
    order. The last vector overlaps the one before it, or has outputs to spare if it is the only
    one.
    """
    lookup = table.lookup
    lanes = lookup.vector_bytes
    outputs = int(indices.shape[0]) // groups
    parts = -(-outputs // (blocks * lanes))
    last = max(outputs - lanes, 0)

    def index(group: Expr, part: Expr, u: Expr, block: Expr, step: Expr, lane: Expr) -> Expr:
        first = T.min((part * blocks + block) * lanes, last)
        o = first + lane % 2 * (lanes // 2) + lane // 2
        row = group * outputs + T.min(o, outputs - 1)
        entry = T.uint8(0)
        for s in range(table.joined):
            digit = indices[row, u * table.joined + s]
            entry = entry + digit * T.uint8(table.subset_kernels**s)
        return lookup.index(entry, table.kernels, step, lane)

    shape = (groups, parts, table.units, blocks, table.steps, lanes)
    return te.compute(shape, index, name="pack_lanes")


def sum_parities(weight: te.Tensor, table: Table) -> te.Tensor:
    """Return the parities of an output's kernels, summed over all pieces: int32 (O,).

    `weight` is int8 (O, C, kh, kw); see the module's description.
    """
    outputs, channels, _, _ = (int(size) for size in weight.shape)
    codes = te.reduce_axis((0, channels // table.code_channels), "codes")
    cut = te.reduce_axis((0, table.cuts), "cut")

    def parity(o: Expr) -> Expr:
        bits = []
        for b in range(table.code_bits):
            channel, i, j = table.place(cut, b)
            at = weight[o, codes * table.code_channels + channel, T.min(i, table.kh - 1), j]
            bits.append(T.Cast("int32", tirx.all(i < table.kh, at < T.int8(0))))
        return te.sum(reduce(xor, bits), axis=[codes, cut])

    return te.compute((outputs,), parity, name="sum_parities")


def pack_starts(padding: te.Tensor, parities: te.Tensor, conv: Convolution) -> te.Tensor:
    """Return what a sum of products is before responses and codes' parities are taken off it.

    `padding` is where the sum starts but for kernels' parities, uint16 (row classes, column
    classes, groups, outputs and those that fill a vector), and `parities` is int32 (O,).
    """

    def start(y: Expr, x: Expr, group: Expr, o: Expr) -> Expr:
        parity = parities[group * conv.outputs + T.min(o, conv.outputs - 1)]
        return padding[y, x, group, o] + T.Cast("uint16", 2 * parity)

    return te.compute(padding.shape, start, "pack_starts")
