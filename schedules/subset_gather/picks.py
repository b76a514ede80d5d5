"""Which response each output picks, as words of several picks.

A gather loads a vector for every pick, and processors load two or three things a cycle, whatever
their size: a word that holds the picks of eight units leaves these loads to the responses. A pick
counts in eighths of a vector, because an address takes a register times eight for nothing.

On ARM an address is an addition of its own, which takes a register times a vector's 16 bytes for
nothing: where loads are few, picks that are bytes of their own save shifts and masks.
"""

from dataclasses import dataclass

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T

_STEP = 8
"""Bytes that picks of a word that has several count in."""


@dataclass(frozen=True)
class Picks:
    """How the picks of an output, one of each unit of a chunk, lie in words."""

    kernels: int
    chunk: int
    """Units of a chunk."""
    vector_bytes: int
    alone: bool = False
    """Whether a pick is a word of its own, the number of its response."""

    @property
    def bits(self) -> int:
        """Bits of a pick."""
        if self.alone:
            return 8
        return 8 if (self.kernels - 1) * self.vector_bytes // _STEP < 2**8 else 16

    @property
    def word_bits(self) -> int:
        """Bits of a word."""
        if self.alone:
            return self.bits
        return 32 if self.chunk * self.bits <= 32 else 64

    @property
    def dtype(self) -> str:
        """Dtype of a word."""
        return f"uint{self.word_bits}"

    @property
    def words(self) -> int:
        """Words of a chunk."""
        return -(-self.chunk * self.bits // self.word_bits)

    @property
    def _step(self) -> int:
        """Bytes that picks count in."""
        return self.vector_bytes if self.alone else _STEP

    def read(self, words: list[Expr], element_bytes: int) -> list[Expr]:
        """Return how many elements after kernel 0 the picked response of each unit lies."""
        each, scale = self.word_bits // self.bits, self._step // element_bytes
        result = []
        for u in range(self.chunk):
            shift = tirx.const(u % each * self.bits, self.dtype)
            pick = T.Cast(f"uint{self.bits}", words[u // each] >> shift)
            result.append(T.Cast("int32", pick) * scale)
        return result

    def pack(self, indices: te.Tensor, groups: int, outputs: int, chunks: int) -> te.Tensor:
        """Stage that packs indices uint8 (O, units) into words (groups, chunks, outputs, words).

        `outputs` are those of a group as the kernel computes them. Outputs and units past the last
        one pick response 0.
        """
        own, units = int(indices.shape[0]) // groups, int(indices.shape[1])
        each = self.word_bits // self.bits

        def pick(group: Expr, o: Expr, unit: Expr) -> Expr:
            index = indices[group * own + T.min(o, own - 1), T.min(unit, units - 1)]
            place = T.Cast(self.dtype, index) * tirx.const(
                self.vector_bytes // self._step, self.dtype
            )
            return T.Select(unit < units, place, tirx.const(0, self.dtype))

        def word(group: Expr, ch: Expr, o: Expr, w: Expr) -> Expr:
            result = tirx.const(0, self.dtype)
            for at in range(each):
                u = w * each + at
                place = pick(group, o, ch * self.chunk + u)
                inside = T.Select(u < self.chunk, place, tirx.const(0, self.dtype))
                result = result | inside << tirx.const(at * self.bits, self.dtype)
            return result

        return te.compute((groups, chunks, outputs, self.words), word, name="pack_picks")
