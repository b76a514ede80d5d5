"""How signs and sums of signs lie in vectors where products are xors of words.

A word holds the bits of a pixel's channels. A *vector* of weights holds the words of several
outputs, side by side; a *step* is one such word of the kernel, (tap, word of channels). Sums that
are wider than the results need are merged: of a few vectors one gives the low bits of its lanes,
the next those above, so that no lane moves; weights are packed in the order which that makes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ...ops.packed_signs import WORD_BITS, words_of
from ...target import Features
from ..neon import Neon, neon_of

_BYTE = 8
_SUM_OF_BYTES = {
    64: "llvm.x86.avx512.psad.bw.512",
    32: "llvm.x86.avx2.psad.bw",
    16: "llvm.x86.sse2.psad.bw",
}
"""Instruction that sums up the bytes of every 64 bits (differences from zero), by vector bytes."""


@dataclass(frozen=True)
class SignWords:
    """The words of one layer, and the vectors made of them."""

    channels: int
    """Input channels of a group."""
    taps: int
    vectors: int
    """Vectors of outputs whose sums are merged, a power of two."""
    vector_bytes: int
    popcount: bool
    """Whether bits are counted by lanes of words; else by bytes, which are summed up later."""
    x86: bool
    neon: Neon | None = None
    """ARM's instructions, where the target has them: see `neon_sums`."""

    @classmethod
    def of(
        cls, channels: int, taps: int, outputs: int, vectors: int, features: Features
    ) -> "SignWords":
        """Choose the words for `outputs` kernels of `channels` x `taps`.

        `vectors` are taken as far as they can be merged and there are outputs for them.
        """
        x86, neon = features.architecture == "x86_64", neon_of(features)
        words = cls(channels, taps, 4, features.vector_bytes, features.popcount, x86, neon)
        while vectors > 1 and (vectors // 2) * words.lanes >= outputs:
            vectors //= 2
        return replace(words, vectors=max(vectors, words.bits // 32))

    @property
    def bits(self) -> int:
        """Bits of a word: as few as hold the channels and can count the bits of a kernel."""
        products = self.channels * self.taps
        return next(
            bits
            for bits in (16, 32, WORD_BITS)
            if bits == WORD_BITS or (self.channels <= bits and products < 2 ** (bits - 1))
        )

    @property
    def count(self) -> int:
        """Words of a pixel in a group."""
        return words_of(self.channels)

    @property
    def copies(self) -> int:
        """How often the image has each word: NEON's loads do not repeat one for free."""
        return 1 if self.neon is None else self.vector_bytes * _BYTE // WORD_BITS

    @property
    def total_bits(self) -> int:
        """Bits of the lanes in which counts are summed up."""
        return self.bits if self.neon is None else self.result_bits

    @property
    def total_lanes(self) -> int:
        """Lanes in which the counts of a vector are summed up."""
        return self.vector_bytes * _BYTE // self.total_bits

    @property
    def steps(self) -> int:
        """Words of a kernel."""
        return self.taps * self.count

    @property
    def lanes(self) -> int:
        """Words of a vector."""
        return self.vector_bytes * _BYTE // self.bits

    @property
    def block(self) -> int:
        """Outputs that are computed together."""
        return self.vectors * self.lanes

    @property
    def result_bits(self) -> int:
        """Bits of a result: 16 where it fits and enough vectors are merged, else 32."""
        fits = self.channels * self.taps < 2**15
        return 16 if fits and self.bits // 16 <= self.vectors else 32

    @property
    def result_lanes(self) -> int:
        """Results of a vector."""
        return self.vector_bytes * _BYTE // self.result_bits

    @property
    def counted_bits(self) -> int:
        """Bits of the lanes in which bits are counted."""
        return self.bits if self.popcount else _BYTE

    @property
    def counted_lanes(self) -> int:
        """Lanes in which the bits of a vector are counted."""
        return self.vector_bytes * _BYTE // self.counted_bits

    @property
    def chunk(self) -> int:
        """Steps whose counts fit into a byte."""
        return (2**_BYTE - 1) // _BYTE

    def output(self, vector: Expr | int, lane: Expr | int) -> Expr | int:
        """Return which output of a block a lane of a vector belongs to."""
        if self.neon is not None:
            return vector * self.lanes + lane
        merged = self.bits // self.result_bits
        return (vector // merged * self.lanes + lane) * merged + vector % merged

    def sum_lanes(self, counts: Expr) -> Expr:
        """Return counts by words from a vector of counts by `counted` lanes.

        With NEON, counts by lanes of totals: neighbours are added up when all is counted.
        """
        if self.neon is not None:
            for bits in range(self.total_bits.bit_length() - _BYTE.bit_length()):
                counts = self.neon.add_neighbours(counts, _BYTE << bits)
            return counts
        dtype = f"uint{self.bits}x{self.lanes}"
        if self.counted_bits == self.bits:
            return counts
        if self.bits == WORD_BITS and self.x86:
            name = _SUM_OF_BYTES[self.vector_bytes]
            zero = T.broadcast(T.uint8(0), self.vector_bytes)
            return T.call_llvm_pure_intrin(dtype, name, counts, zero)
        counts = T.reinterpret(dtype, counts)
        width = self.counted_bits
        while width < self.bits:
            low = sum(((1 << width) - 1) << at for at in range(0, self.bits, 2 * width))
            mask = T.broadcast(tirx.const(low, f"uint{self.bits}"), self.lanes)
            shift = T.broadcast(tirx.const(width, f"uint{self.bits}"), self.lanes)
            counts = (counts & mask) + (counts >> shift & mask)
            width *= 2
        return counts

    def merge(self, sums: Sequence[Expr]) -> list[Expr]:
        """Return vectors of results, in the order of outputs, from the vectors of a block."""
        if self.neon is not None:
            joined = list(sums)
            for _ in range((self.bits // self.total_bits).bit_length() - 1):
                pairs = zip(joined[::2], joined[1::2], strict=True)
                joined = [self.neon.join_neighbours(*pair, self.total_bits) for pair in pairs]
            return joined
        results = f"uint{self.result_bits}x{self.result_lanes}"

        def moved(value: Expr, bits: int) -> Expr:
            return value << T.broadcast(tirx.const(bits, f"uint{self.bits}"), self.lanes)

        merged = self.bits // self.result_bits
        return [
            T.reinterpret(
                results,
                reduce(or_, (moved(sums[at + k], k * self.result_bits) for k in range(merged))),
            )
            for at in range(0, self.vectors, merged)
        ]


def pack_weights(weight: te.Tensor, words: SignWords, groups: int) -> te.Tensor:
    """Return the bits of negative weights, int8 (O, C, kh, kw), as vectors of words.

    The result is (groups, blocks, steps, vectors, lanes); outputs past the last one repeat it.
    """
    total, channels, _, kw = (int(size) for size in weight.shape)
    outputs, dtype = total // groups, f"uint{words.bits}"
    blocks = -(-outputs // words.block)

    def word(group: Expr, block: Expr, step: Expr, vector: Expr, lane: Expr) -> Expr:
        b = te.reduce_axis((0, words.bits), "b")
        row = T.min(block * words.block + words.output(vector, lane), outputs - 1)
        tap, channel = step // words.count, step % words.count * words.bits + b
        inside = T.min(channel, channels - 1)
        negative = weight[group * outputs + row, inside, tap // kw, tap % kw] < T.int8(0)
        bit = T.Cast(dtype, 1) << T.Cast(dtype, b)
        return te.sum(
            T.Select(tirx.all(channel < channels, negative), bit, T.Cast(dtype, 0)), axis=[b]
        )

    shape = (groups, blocks, words.steps, words.vectors, words.lanes)
    return te.compute(shape, word, name="pack_weights")
