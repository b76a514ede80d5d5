"""Packed signs to an image of signs, channels first: the planes of bits of strategies that add.

A vector of pixels' words, shifted and cut to bytes, holds 8 channels; each bit is tested in all
pixels at once.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...ops.packed_signs import NEGATIVE, PLANES, WORD_BITS, ZERO
from ..planes import whole

_BYTE = 8
_STRIP = 32
"""Pixels that are unpacked together."""


def unpack_signs(words: te.Tensor, groups: int, channels: int) -> PrimFunc:
    """Return the core that unpacks words uint64 (N, 2, H, W, groups*words) to int8 (N, C, H*W).

    `channels` are those of one group.
    """
    batch, _, height, width, count = (int(size) for size in words.shape)
    own, area = count // groups, height * width
    strip = min(_STRIP, area)
    byte = f"uint8x{strip}"
    jobs = batch * count

    def signs(bytes_: tirx.Buffer, bit: int, with_zeros: bool) -> Expr:
        mask, pixels = T.broadcast(T.uint8(1 << bit), strip), T.ramp(0, 1, strip)

        def chosen(plane: int, yes: int, no: Expr) -> Expr:
            empty = (bytes_[plane, pixels] & mask) == T.broadcast(T.uint8(0), strip)
            return T.Select(empty, no, T.broadcast(T.int8(yes), strip))

        result = chosen(NEGATIVE, -1, T.broadcast(T.int8(1), strip))
        return chosen(ZERO, 0, result) if with_zeros else result

    def store_byte(
        image: tirx.Buffer, bytes_: tirx.Buffer, at: tuple[Expr, ...], with_zeros: bool
    ) -> None:
        """Store the 8 channels of a byte, as far as the group has them."""
        n, group, first, start = at
        for bit in range(_BYTE):
            with T.If(first + bit < channels), T.Then():
                place = [n, group * channels + first + bit, T.ramp(start, 1, strip)]
                T.buffer_store(image, signs(bytes_, bit, with_zeros), place)

    @T.prim_func(s_tir=True, private=True)
    def unpack(
        words: T.Buffer(words.shape, "uint64"),
        image: T.Buffer((batch, groups * channels, area), "int8"),
    ):
        for job in T.parallel(jobs):
            with T.sblock("word_of_channels"):
                v = T.axis.spatial(jobs, job)
                T.reads(whole(words))
                T.writes(whole(image))
                taken = T.sblock_alloc_buffer((PLANES, strip), "uint64", scope="local")
                bytes_ = T.sblock_alloc_buffer((PLANES, strip), "uint8", scope="local")
                any_ = T.sblock_alloc_buffer((1,), "uint64", scope="local")
                n: T.let = v // count
                at: T.let = v % count
                for s in range(-(-area // strip)):
                    start: T.let = T.min(s * strip, area - strip)
                    any_[0] = T.uint64(0)
                    for px in range(strip):
                        any_[0] = any_[0] | words[n, ZERO, 0, 0, (start + px) * count + at]
                    for plane in T.unroll(PLANES):
                        for px in T.vectorized(strip):
                            taken[plane, px] = words[n, plane, 0, 0, (start + px) * count + at]
                    for octet in range(WORD_BITS // _BYTE):
                        first: T.let = at % own * WORD_BITS + octet * _BYTE
                        shift: T.let = T.Cast("uint64", octet * _BYTE)
                        for plane in T.unroll(PLANES):
                            bytes_[plane, T.ramp(0, 1, strip)] = T.Cast(
                                byte,
                                taken[plane, T.ramp(0, 1, strip)] >> T.broadcast(shift, strip),
                            )
                        if any_[0] == T.uint64(0):
                            store_byte(image, bytes_, (n, at // own, first, start), False)
                        else:
                            store_byte(image, bytes_, (n, at // own, first, start), True)

    return unpack
