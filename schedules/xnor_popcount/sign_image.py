"""The image of a binary convolution as words with a border, and where its zeros are.

Words of the border are 0, which counts as +1. Words narrower than 64 bits are repeated, so that
one broadcast serves vectors of any words.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from tvm import te, tirx
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...ops.packed_signs import NEGATIVE, PLANES, WORD_BITS, ZERO
from ..planes import Convolution
from .sign_words import SignWords


def find_zeros(signs: te.Tensor) -> PrimFunc:
    """Return the core that tells which images have zeros: words that are not 0."""
    batch, _, height, width, words = (int(size) for size in signs.shape)

    @T.prim_func(s_tir=True, private=True)
    def core(
        signs: T.Buffer(signs.shape, "uint64"),
        flags: T.Buffer((batch,), "uint64"),
    ):
        for n in range(batch):
            with T.sblock("image"):
                v = T.axis.spatial(batch, n)
                found = T.sblock_alloc_buffer((1,), "uint64")
                found[0] = T.uint64(0)
                for at in range(height * width * words):
                    found[0] = (
                        found[0]
                        | signs[v, ZERO, at // words // width, at // words % width, at % words]
                    )
                flags[v] = found[0]

    return core


def pad(signs: te.Tensor, flags: te.Tensor, conv: Convolution, words: SignWords) -> PrimFunc:
    """Return the core that puts the border around the image and repeats narrow words."""
    bits, (height, width) = words.bits, conv.reach
    top, left = conv.geometry.padding[:2]
    left = min(left, width)
    columns = min(conv.width, width - left)
    copies = words.copies
    count = conv.groups * words.count * copies
    repeat = tirx.const(sum(1 << at for at in range(0, WORD_BITS, bits)), "uint64")

    @T.prim_func(s_tir=True, private=True)
    def core(
        signs: T.Buffer(signs.shape, "uint64"),
        flags: T.Buffer(flags.shape, "uint64"),
        image: T.Buffer((conv.batch, PLANES, height, width, count), "uint64"),
    ):
        for row in range(conv.batch * PLANES * height):
            with T.sblock("row"):
                v = T.axis.spatial(conv.batch * PLANES * height, row)
                n: T.let = v // (PLANES * height)
                plane: T.let = v // height % PLANES
                y: T.let = v % height
                if tirx.any(plane == NEGATIVE, flags[n] != T.uint64(0)):
                    # No word is written twice: TVM may let image and signs share their memory.
                    if tirx.all(y >= top, y - top < conv.height):
                        for x in range(left):
                            for w in range(count):
                                image[n, plane, y, x, w] = T.uint64(0)
                        for x in range(columns):
                            for w in range(count):
                                image[n, plane, y, left + x, w] = (
                                    signs[n, plane, y - top, x, w // copies] * repeat
                                )
                        for x in range(width - left - columns):
                            for w in range(count):
                                image[n, plane, y, left + columns + x, w] = T.uint64(0)
                    else:
                        for x in range(width):
                            for w in range(count):
                                image[n, plane, y, x, w] = T.uint64(0)

    return core


def count_zeros(
    image: te.Tensor, flags: te.Tensor, conv: Convolution, words: SignWords
) -> PrimFunc:
    """Return the core that counts the zeros that a pixel's taps see."""
    (height, width), (kh, kw) = conv.output_size, conv.kernel
    strides, dilation = conv.geometry.strides, conv.geometry.dilation
    dtype = f"uint{words.result_bits}"
    lowest = tirx.const(2**words.bits - 1, "uint64")

    @T.prim_func(s_tir=True, private=True)
    def core(
        image: T.Buffer(image.shape, "uint64"),
        flags: T.Buffer(flags.shape, "uint64"),
        zeros: T.Buffer((conv.batch, height, width, conv.groups), dtype),
    ):
        for row in range(conv.batch * height):
            with T.sblock("row"):
                v = T.axis.spatial(conv.batch * height, row)
                total = T.sblock_alloc_buffer((1,), "uint64")
                n: T.let = v // height
                y: T.let = v % height
                for x in range(width):
                    for group in range(conv.groups):
                        total[0] = T.uint64(0)
                        if flags[n] != T.uint64(0):
                            for i in range(kh):
                                for j in range(kw):
                                    for w in range(words.count):
                                        total[0] = total[0] + T.popcount(
                                            image[
                                                n,
                                                ZERO,
                                                y * strides[0] + i * dilation[0],
                                                x * strides[1] + j * dilation[1],
                                                (group * words.count + w) * words.copies,
                                            ]
                                            & lowest
                                        )
                        zeros[n, y, x, group] = T.Cast(dtype, total[0])

    return core
