"""Strategy `xnor_popcount`: signs as bits, products as xor, sums as population counts.

The data are ternary: zeros come from padding and from sign(0). Each input channel gives a bit to
two words, m (not zero) and s (negative); a weight gives a bit w (negative). Over the bits of all
words
    sum of products = popcount(m) - 2 * popcount((s ^ w) & m),
exact for every zero, so that borders need no correction. Channels past the last one have m = 0.

Convolutions run on flat planes of words, vectors along pixels, so that neither the image nor the
result has to be transposed; dense layers run with vectors along outputs.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from collections.abc import Callable
from math import prod

from tvm import relax, te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..target import Features
from .decode import binary_weight, weight_shape
from .emit import core_stage, emit_kernel, emit_packing
from .planes import Convolution, Planes, convolution_of, fitting_block, job_splits
from .shapes import shape_of

NAME = "xnor_popcount"
OUTPUT_TILE = 4
"""Outputs of a convolution whose counts are kept in registers together."""
DENSE_BLOCK = 16
"""Outputs of a dense layer whose counts are kept in registers together."""


def obstacle(call: relax.Call, _features: Features) -> str | None:
    """Return why this strategy cannot compute the call, or None when it can."""
    if str(call.args[0].ty.dtype) != "int8":
        return "activations are not signs"
    return None


def cycles(call: relax.Call, features: Features) -> float:
    """Estimate the cycles of a call: xor with mask, population count and add for every word."""
    shape = weight_shape(call)
    step = _count_cycles(features)
    if len(shape) == 2:
        words = Words(inputs=shape[1], taps=1)
        rows = prod(shape_of(call.args[0])[:-1])
        return rows * words.count * shape[0] * words.bytes_each / features.vector_bytes * step
    conv = convolution_of(call, shape[0], (shape[2], shape[3]))
    words = Words(inputs=shape[1], taps=conv.taps)
    core = _Convolution(conv, words, features)
    pixels = conv.batch * conv.groups * core.planes.blocks * core.planes.block
    counting = core.tiles * core.tile * words.count * conv.taps * step
    packing = 3 * words.bits * words.count / words.bytes_each
    results = pixels * core.tiles * core.tile
    vectors = pixels * words.bytes_each / features.vector_bytes
    return vectors * (counting + packing) + 0.8 * results


def _count_cycles(features: Features) -> float:
    if features.popcount:
        return 1.65
    # LLVM counts bits by table lookups of half bytes where bytes can be permuted, and by shifts
    # and masks elsewhere.
    return 5.0 if features.vector_bits > 128 else 12.0


def remark(call: relax.Call) -> str:
    """Return how many products one word holds."""
    shape = weight_shape(call)
    words = Words(inputs=shape[1], taps=prod(shape[2:]))
    return f"one word of {words.bits} bits holds {min(words.bits, words.inputs)} products"


def legalize(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit the packing of the weights into words, then the kernel."""
    data, weight = call.args[0], binary_weight(bb, call)
    shape = shape_of(weight)
    if len(shape) == 2:
        words = Words(inputs=shape[1], taps=1)
        packed = emit_packing(bb, pack_dense, weight, words=words)
        dense = _Dense(shape_of(data)[:-1], shape[0], words)
        return emit_kernel(bb, NAME, dense.compute, data, packed)
    outputs, channels, kh, kw = shape
    conv = convolution_of(call, outputs, (kh, kw))
    words = Words(inputs=channels, taps=kh * kw)
    core = _Convolution(conv, words, features)
    packed = emit_packing(bb, pack_conv, weight, words=words, groups=conv.groups, tile=core.tile)
    return emit_kernel(bb, NAME, core.compute, data, packed)


class Words:
    """How the bits of `inputs` channels, at each of `taps` places, lie in words."""

    def __init__(self, inputs: int, taps: int) -> None:
        """Choose the words for kernels of `inputs` channels x `taps`."""
        # The narrowest word that holds the channels wastes no bits; its own lanes must also be
        # able to count them all.
        self.bits = 64
        for bits in (32, 16, 8):
            if inputs <= bits and inputs * taps < 2**bits:
                self.bits = bits
        self.dtype = f"uint{self.bits}"
        self.inputs = inputs
        self.count = -(-inputs // self.bits)

    @property
    def bytes_each(self) -> int:
        """Bytes of a word."""
        return self.bits // 8

    def pack(self, w: Expr, negative: Callable[[Expr], Expr]) -> Expr:
        """Return word w, in which the bit of every channel is set for which `negative` holds."""
        b = te.reduce_axis((0, self.bits), "b")
        channel = w * self.bits + b
        holds = tirx.all(channel < self.inputs, negative(T.min(channel, self.inputs - 1)))
        bit = T.Cast(self.dtype, 1) << T.Cast(self.dtype, b)
        return te.sum(T.Select(holds, bit, T.Cast(self.dtype, 0)), axis=[b])


def pack_conv(weight: te.Tensor, words: Words, groups: int, tile: int) -> te.Tensor:
    """Return sign words (groups, tiles of outputs, words*kh*kw, tile) of weights int8 OIHW."""
    total, _, kh, kw = (int(size) for size in weight.shape)
    outputs = total // groups

    def word(group: Expr, ot: Expr, step: Expr, o: Expr) -> Expr:
        w, i, j = step // (kh * kw), step // kw % kh, step % kw
        row = group * outputs + T.min(ot * tile + o, outputs - 1)
        return words.pack(w, lambda c: weight[row, c, i, j] < T.int8(0))

    return te.compute(
        (groups, -(-outputs // tile), words.count * kh * kw, tile), word, name="pack_signs"
    )


def pack_dense(weight: te.Tensor, words: Words) -> te.Tensor:
    """Return sign words (words, O) of weights int8 (O, I), with O filled up to whole blocks."""
    outputs = int(weight.shape[0])

    def word(w: Expr, o: Expr) -> Expr:
        row = T.min(o, outputs - 1)
        return words.pack(w, lambda c: weight[row, c] < T.int8(0))

    filled = -(-outputs // DENSE_BLOCK) * DENSE_BLOCK
    return te.compute((words.count, filled), word, name="pack_signs")


class _Convolution:
    """The kernel of one convolution: its sizes, and the stages made from them."""

    def __init__(self, conv: Convolution, words: Words, features: Features) -> None:
        self.conv, self.words = conv, words
        lanes = self.lanes = features.vector_bytes // words.bytes_each
        # 32 registers hold 4 vectors of pixels for 4 outputs, 16 registers 1 vector.
        vectors = 4 if features.vector_bits == 512 else 1
        self.planes = Planes(conv, fitting_block(conv, vectors * lanes, lanes))
        self.tile = min(OUTPUT_TILE, conv.outputs)
        self.tiles = -(-conv.outputs // self.tile)
        self.phases = self.planes.phases[0] * self.planes.phases[1]

    @property
    def total(self) -> str:
        """Dtype that holds every result."""
        return "int16" if self.conv.channels * self.conv.taps < 2**15 else "int32"

    def compute(self, data: te.Tensor, weights: te.Tensor) -> te.Tensor:
        """Stages from the data to the result; see the module's description."""
        planes = self.planes.read(data, self.words.count * self.words.bits)
        bits = core_stage(NAME, self._pack(planes), planes)
        flat = core_stage(NAME, self._count(bits, weights), bits, weights)
        return self.planes.write(flat, "int32", group_rows=self.tiles * self.tile)

    def _pack(self, planes: te.Tensor) -> PrimFunc:
        """Return the core that turns planes of signs into planes of words, negative and present.

        Bytes are made first, 8 channels of `strip` pixels at once; the last strip overlaps the
        one before it instead of reaching past the plane.
        """
        words, area, pitch = self.words, self.planes.area, self.planes.pitch
        images = self.conv.batch * self.conv.groups
        phases, (_, phases_x) = self.phases, self.planes.phases
        count, dtype, octets = words.count, words.dtype, words.bits // 8
        strip = min(64, area)

        @T.prim_func(s_tir=True, private=True)
        def pack(
            planes: T.Buffer(planes.shape, "int8"),
            bits: T.Buffer((images, count, phases, 2, area), dtype),
        ):
            for job in T.parallel(images * count):
                with T.sblock("word_of_channels"):
                    v = T.axis.spatial(images * count, job)
                    negative = T.sblock_alloc_buffer((strip,), "int8", scope="local")
                    present = T.sblock_alloc_buffer((strip,), "int8", scope="local")
                    word = T.sblock_alloc_buffer((2, strip), dtype, scope="local")
                    image: T.let = v // count
                    n: T.let = image // self.conv.groups
                    channel: T.let = (image % self.conv.groups * count + v % count) * words.bits
                    for phase in range(phases):
                        for s in range(-(-area // strip)):
                            start: T.let = T.min(s * strip, area - strip)
                            for px in T.vectorized(strip):
                                word[0, px] = T.Cast(dtype, 0)
                            for px in T.vectorized(strip):
                                word[1, px] = T.Cast(dtype, 0)
                            for octet in T.unroll(octets):
                                for px in T.vectorized(strip):
                                    negative[px] = T.int8(0)
                                for px in T.vectorized(strip):
                                    present[px] = T.int8(0)
                                for b in T.unroll(8):
                                    for px in T.vectorized(strip):
                                        negative[px] = (
                                            negative[px]
                                            + negative[px]
                                            - T.min(
                                                planes[
                                                    n,
                                                    channel + octet * 8 + 7 - b,
                                                    phase // phases_x,
                                                    phase % phases_x,
                                                    (start + px) // pitch,
                                                    (start + px) % pitch,
                                                ],
                                                T.int8(0),
                                            )
                                        )
                                    for px in T.vectorized(strip):
                                        present[px] = (
                                            present[px]
                                            + present[px]
                                            + T.abs(
                                                planes[
                                                    n,
                                                    channel + octet * 8 + 7 - b,
                                                    phase // phases_x,
                                                    phase % phases_x,
                                                    (start + px) // pitch,
                                                    (start + px) % pitch,
                                                ]
                                            )
                                        )
                                for px in T.vectorized(strip):
                                    word[0, px] = word[0, px] | (
                                        T.Cast(dtype, T.Cast("uint8", negative[px]))
                                        << T.Cast(dtype, octet * 8)
                                    )
                                for px in T.vectorized(strip):
                                    word[1, px] = word[1, px] | (
                                        T.Cast(dtype, T.Cast("uint8", present[px]))
                                        << T.Cast(dtype, octet * 8)
                                    )
                            for px in T.vectorized(strip):
                                bits[image, v % count, phase, 0, start + px] = word[0, px]
                            for px in T.vectorized(strip):
                                bits[image, v % count, phase, 1, start + px] = word[1, px]

        return pack

    def _count(self, bits: te.Tensor, weights: te.Tensor) -> PrimFunc:
        """Return the core that counts: a block of pixels and a tile of outputs in registers.

        Vectors have the width of a register, and one loop runs over words and taps: LLVM would
        unroll short loops over taps, and spill.
        """
        conv, layout, dtype = self.conv, self.planes, self.words.dtype
        block, blocks, tile, tiles = layout.block, layout.blocks, self.tile, self.tiles
        lanes, total, images = self.lanes, self.total, conv.batch * conv.groups
        vectors = block // lanes
        splits = job_splits(images * blocks, tiles)
        kw, taps = conv.kernel[1], conv.taps
        steps = self.words.count * taps

        def bit(bits: te.Tensor, image: Expr, step: Expr, plane: int, q: Expr) -> Expr:
            i, j = step % taps // kw, step % kw
            a, b = layout.phase(i, j)
            place = a * layout.phases[1] + b
            return bits[image, step // taps, place, plane, q + layout.distance(i, j)]

        @T.prim_func(s_tir=True, private=True)
        def count(
            bits: T.Buffer(bits.shape, dtype),
            weights: T.Buffer(weights.shape, dtype),
            flat: T.Buffer((conv.batch, conv.groups * tiles * tile, blocks * block), total),
        ):
            for job in T.parallel(splits * images * blocks):
                with T.sblock("block_of_pixels"):
                    v = T.axis.spatial(splits * images * blocks, job)
                    present = T.sblock_alloc_buffer((vectors, lanes), dtype, scope="local")
                    differ = T.sblock_alloc_buffer((tile, vectors, lanes), dtype, scope="local")
                    image: T.let = v // blocks % images
                    first: T.let = v // (images * blocks) * (tiles // splits)
                    n: T.let = image // conv.groups
                    group: T.let = image % conv.groups
                    q: T.let = v % blocks * block
                    for vector in T.unroll(vectors):
                        for px in T.vectorized(lanes):
                            present[vector, px] = T.Cast(dtype, 0)
                    for step in range(steps):
                        for vector in T.unroll(vectors):
                            for px in T.vectorized(lanes):
                                present[vector, px] = present[vector, px] + T.popcount(
                                    bit(bits, image, step, 1, q + vector * lanes + px)
                                )
                    for ot in range(tiles // splits):
                        for o in T.unroll(tile):
                            for vector in T.unroll(vectors):
                                for px in T.vectorized(lanes):
                                    differ[o, vector, px] = T.Cast(dtype, 0)
                        for step in range(steps):
                            for vector in T.unroll(vectors):
                                for o in T.unroll(tile):
                                    for px in T.vectorized(lanes):
                                        differ[o, vector, px] = differ[o, vector, px] + T.popcount(
                                            (
                                                bit(bits, image, step, 0, q + vector * lanes + px)
                                                ^ weights[group, first + ot, step, o]
                                            )
                                            & bit(bits, image, step, 1, q + vector * lanes + px)
                                        )
                        for o in T.unroll(tile):
                            for vector in T.unroll(vectors):
                                for px in T.vectorized(lanes):
                                    flat[
                                        n,
                                        (group * tiles + first + ot) * tile + o,
                                        q + vector * lanes + px,
                                    ] = T.Cast(total, present[vector, px]) - T.Cast(total, 2) * (
                                        T.Cast(total, differ[o, vector, px])
                                    )

        return count


class _Dense:
    """The kernel of one dense layer: vectors along outputs, one row of inputs after the other."""

    def __init__(self, leading: tuple[int, ...], outputs: int, words: Words) -> None:
        self.leading, self.outputs, self.words = leading, outputs, words

    def compute(self, data: te.Tensor, weights: te.Tensor) -> te.Tensor:
        """Stages from the data to the result; see the module's description."""
        words, inputs = self.words, self.words.inputs
        rows = prod(self.leading)

        def leading_index(row: Expr) -> list[Expr]:
            index: list[Expr] = []
            for size in reversed(self.leading):
                index.insert(0, row % size)
                row = row // size
            return index

        filled = te.compute(
            (rows, words.count * words.bits),
            lambda r, c: T.if_then_else(c < inputs, data(*leading_index(r), c), T.int8(0)),
            name="filled",
        )
        flat = core_stage(NAME, self._core(filled, weights, rows), filled, weights)

        def result(*index: Expr) -> Expr:
            row: Expr = T.int32(0)
            for position, size in zip(index[:-1], self.leading, strict=True):
                row = row * size + position
            return flat[row, index[-1]]

        shape = [tirx.IntImm("int64", size) for size in (*self.leading, self.outputs)]
        return te.compute(shape, result, name="rows")

    def _core(self, data: te.Tensor, weights: te.Tensor, rows: int) -> PrimFunc:
        words, dtype, bits = self.words.count, self.words.dtype, self.words.bits
        outputs, block = int(weights.shape[1]), DENSE_BLOCK

        @T.prim_func(s_tir=True, private=True)
        def core(
            data: T.Buffer(data.shape, "int8"),
            weights: T.Buffer(weights.shape, dtype),
            flat: T.Buffer((rows, outputs), "int32"),
        ):
            for r in range(rows):
                with T.sblock("row"):
                    v = T.axis.spatial(rows, r)
                    negative = T.sblock_alloc_buffer((words,), dtype)
                    present = T.sblock_alloc_buffer((words,), dtype)
                    total = T.sblock_alloc_buffer((1,), "int32")
                    differ = T.sblock_alloc_buffer((block,), dtype, scope="local")
                    total[0] = 0
                    for w in range(words):
                        negative[w] = T.Cast(dtype, 0)
                        present[w] = T.Cast(dtype, 0)
                        for b in range(bits):
                            negative[w] = negative[w] | (
                                T.Cast(dtype, data[v, w * bits + b] < T.int8(0)) << T.Cast(dtype, b)
                            )
                            present[w] = present[w] | (
                                T.Cast(dtype, data[v, w * bits + b] != T.int8(0))
                                << T.Cast(dtype, b)
                            )
                        total[0] = total[0] + T.Cast("int32", T.popcount(present[w]))
                    for ob in range(outputs // block):
                        for o in T.vectorized(block):
                            differ[o] = T.Cast(dtype, 0)
                        for w in range(words):
                            for o in T.vectorized(block):
                                differ[o] = differ[o] + T.popcount(
                                    (weights[w, ob * block + o] ^ negative[w]) & present[w]
                                )
                        for o in T.vectorized(block):
                            flat[v, ob * block + o] = total[0] - 2 * T.Cast("int32", differ[o])

        return core
