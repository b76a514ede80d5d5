"""Signs as bits: the kernel of `snn.pack_signs`, and the stage that packs inside other kernels.

Comparing a vector of values gives a vector of bits, and those, taken as one integer, *are* the
word: LLVM makes of it a comparison into a mask register that is stored as it is (AVX-512), or a
`movmsk` (AVX2, SSE2). Channels-last data need nothing else. Of channels-first data, vectors run
along pixels: bytes are made of 8 channels each, and words of 8 bytes.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from collections.abc import Callable
from math import gcd
from typing import Any

from tvm import relax, te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..ops.packed_signs import NEGATIVE, PLANES, WORD_BITS, ZERO, words_of
from ..target import Features
from ..tvm_api import attrs_dict
from .emit import FUSES_ELEMENTWISE_PRODUCERS, ONE_PIXEL, READS_ONCE, core_stage, emit_kernel

NAME = "pack_signs"
_WORTH_THREADS = 1 << 15
"""Values below which starting threads costs more than it gains."""
_BYTE = 8
_STRIP = 64
"""Pixels of channels-first data that are packed together."""


def legalize(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit the kernel of a call of `snn.pack_signs`."""
    groups = int(attrs_dict(call)["groups"])
    return emit_kernel(
        bb,
        NAME,
        lambda data: pack_stage(data, groups, "NHWC", features),
        call.args[0],
        pattern=FUSES_ELEMENTWISE_PRODUCERS,
    )


def pack_stage(data: te.Tensor, groups: int, data_layout: str, features: Features) -> te.Tensor:
    """Stage that packs an image, int8 or float32, into words uint64 (N, 2, H, W, groups*words).

    See `tvm_snn.ops.packed_signs` for what the words hold.
    """
    if data_layout == "NHWC":
        core = _pack_channels_last(data, groups, features)
    else:
        core = _pack_channels_first(data, groups)
    return core_stage(NAME, core, data)


def _loop(values: int) -> Callable[..., Any]:
    return T.parallel if values >= _WORTH_THREADS else T.serial


def _float_lanes(features: Features) -> int:
    """Return how many floats to compare at once: a mask, or what one `movmskps` or two take."""
    return {512: WORD_BITS, 256: 8}.get(features.vector_bits, 16)


def _pack_channels_last(data: te.Tensor, groups: int, features: Features) -> PrimFunc:
    """Return the core for data (N, H, W, C).

    A word is put together from pieces of as many channels as divide all words evenly. There is
    an instruction that takes the sign bits of a vector, which is cheaper than a second comparison.
    """
    batch, height, width, total = (int(size) for size in data.shape)
    channels = total // groups
    words, dtype = words_of(channels), str(data.dtype)
    lanes = gcd(channels, WORD_BITS if dtype == "int8" else _float_lanes(features))
    lanes = lanes if lanes >= _BYTE else 1
    pieces, outer = min(WORD_BITS, channels) // lanes, _loop(batch * height * width * total)
    last = channels - (words - 1) * WORD_BITS

    def sign_bit(value: Expr) -> Expr:
        return (T.reinterpret("int32", value) if dtype == "float32" else value) < 0

    def is_signed(value: Expr) -> Expr:
        zero = tirx.const(0, dtype)
        return tirx.any(value < zero, value > zero)

    def word(bits: tirx.Buffer) -> Expr:
        if lanes == 1:
            return T.Cast("uint64", bits[0])
        signs = T.Cast(f"uint1x{lanes}", bits[T.ramp(0, 1, lanes)])
        return T.Cast("uint64", T.reinterpret(f"uint{lanes}", signs))

    def channels_in(at: Expr) -> Expr:
        every = ~T.uint64(0)
        if last == WORD_BITS:
            return every
        return T.Select(at % words == words - 1, T.uint64(2**last - 1), every)

    @T.prim_func(s_tir=True, private=True)
    def pack(
        data: T.Buffer(data.shape, dtype),
        words_: T.Buffer((batch, PLANES, height, width, groups * words), "uint64"),
    ):
        for job in outer(batch * height):
            for column in range(width):
                with T.sblock("pixel"):
                    n = T.axis.spatial(batch, job // height)
                    y = T.axis.spatial(height, job % height)
                    x = T.axis.spatial(width, column)
                    T.sblock_attr({READS_ONCE: True, ONE_PIXEL: True})
                    negative = T.sblock_alloc_buffer((lanes,), "bool")
                    signed = T.sblock_alloc_buffer((lanes,), "bool")
                    result = T.sblock_alloc_buffer((PLANES,), "uint64")
                    for at in range(groups * words):
                        result[NEGATIVE] = T.uint64(0)
                        result[ZERO] = channels_in(at)
                        for piece in range(pieces):
                            first: T.let = at % words * WORD_BITS + piece * lanes
                            if first < channels:
                                for lane in T.vectorized(lanes):
                                    negative[lane] = sign_bit(
                                        data[n, y, x, at // words * channels + first + lane]
                                    )
                                for lane in T.vectorized(lanes):
                                    signed[lane] = is_signed(
                                        data[n, y, x, at // words * channels + first + lane]
                                    )
                                result[NEGATIVE] = result[NEGATIVE] | (
                                    (word(negative) & word(signed))
                                    << T.Cast("uint64", piece * lanes)
                                )
                                result[ZERO] = result[ZERO] ^ (
                                    word(signed) << T.Cast("uint64", piece * lanes)
                                )
                        words_[n, NEGATIVE, y, x, at] = result[NEGATIVE]
                        words_[n, ZERO, y, x, at] = result[ZERO]

    return pack


def _pack_channels_first(data: te.Tensor, groups: int) -> PrimFunc:
    """Return the core for data (N, C, H, W); the last strip of pixels overlaps the one before."""
    batch, total, height, width = (int(size) for size in data.shape)
    channels, area = total // groups, height * width
    words, dtype = words_of(channels), str(data.dtype)
    octets, strip = min(WORD_BITS, -(-channels // _BYTE) * _BYTE) // _BYTE, min(_STRIP, area)
    outer, zero = _loop(batch * area * total), tirx.const(0, dtype)

    @T.prim_func(s_tir=True, private=True)
    def pack(
        data: T.Buffer(data.shape, dtype),
        words_: T.Buffer((batch, PLANES, height, width, groups * words), "uint64"),
    ):
        for job in outer(batch * groups * words):
            with T.sblock("word_of_channels"):
                v = T.axis.spatial(batch * groups * words, job)
                octet = T.sblock_alloc_buffer((PLANES, strip), "uint8")
                word = T.sblock_alloc_buffer((PLANES, strip), "uint64")
                n: T.let = v // (groups * words)
                at: T.let = v % (groups * words)
                for s in range(-(-area // strip)):
                    start: T.let = T.min(s * strip, area - strip)
                    for plane in T.unroll(PLANES):
                        for px in T.vectorized(strip):
                            word[plane, px] = T.uint64(0)
                    for eight in range(octets):
                        for plane in T.unroll(PLANES):
                            for px in T.vectorized(strip):
                                octet[plane, px] = T.uint8(0)
                        for b in range(_BYTE):
                            channel: T.let = at % words * WORD_BITS + eight * _BYTE + b
                            if channel < channels:
                                for px in T.vectorized(strip):
                                    octet[NEGATIVE, px] = octet[NEGATIVE, px] | T.Select(
                                        data[
                                            n,
                                            at // words * channels + channel,
                                            (start + px) // width,
                                            (start + px) % width,
                                        ]
                                        < zero,
                                        T.uint8(1) << T.Cast("uint8", b),
                                        T.uint8(0),
                                    )
                                for px in T.vectorized(strip):
                                    octet[ZERO, px] = octet[ZERO, px] | T.Select(
                                        data[
                                            n,
                                            at // words * channels + channel,
                                            (start + px) // width,
                                            (start + px) % width,
                                        ]
                                        > zero,
                                        T.uint8(0),
                                        T.uint8(1) << T.Cast("uint8", b),
                                    )
                        for plane in T.unroll(PLANES):
                            for px in T.vectorized(strip):
                                word[plane, px] = word[plane, px] | (
                                    T.Cast("uint64", octet[plane, px])
                                    << T.Cast("uint64", eight * _BYTE)
                                )
                    for px in T.vectorized(strip):
                        words_[n, NEGATIVE, (start + px) // width, (start + px) % width, at] = word[
                            NEGATIVE, px
                        ]
                    # What is not above zero and not negative either is zero, or no number.
                    for px in T.vectorized(strip):
                        words_[n, ZERO, (start + px) // width, (start + px) % width, at] = (
                            word[ZERO, px] & ~word[NEGATIVE, px]
                        )

    return pack
