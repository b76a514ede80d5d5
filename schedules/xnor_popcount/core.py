"""The loops of strategy `xnor_popcount`: a tile of pixels times a block of outputs in registers.

The border of the image (see `sign_image`) counts as +1; what it adds is known for each tap and
output and taken off with the *start* of a sum (see `borders`). Zeros inside the image have masks
of their own, read only where an image has any:
    sum of products = start - zeros - 2 * popcount((s ^ w) & ~z).
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from dataclasses import dataclass

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import Buffer, BufferRegion, PrimFunc

from ...ops.packed_signs import NEGATIVE, ZERO
from ..borders import Borders
from ..emit import OWNS_RESULT, core_stage
from ..planes import Convolution
from .sign_image import count_zeros, find_zeros, pad
from .sign_words import SignWords

_CACHE_BYTES = 24 * 1024
"""Weights that stay in the first-level cache beside an image."""
_SHORT = 6
"""Steps of a row of taps whose loop LLVM unrolls, with spills: on ARM one loop over all taps is
faster."""
_RECIPROCAL_BITS = 10
_JOBS = 16
"""Parallel jobs of a kernel, at least, where there are rows and blocks enough."""


@dataclass(frozen=True)
class PopcountCore:
    """The kernel of one convolution: its sizes, and the stages made from them."""

    name: str
    conv: Convolution
    words: SignWords
    pixels: int
    """Pixels of a tile, at most."""

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of pixels whose sums are kept in registers together."""
        height, width = self.conv.output_size
        if self.words.neon is not None:
            return 1, min(self.pixels, width)
        if width <= self.pixels:
            return min(height, self.pixels // width), width
        narrowest = max(1, self.pixels // 2)
        columns = range(self.pixels, narrowest, -1) if self.pixels > 1 else [1]
        return 1, min(columns, key=lambda column: -(-width // column) * column)

    @property
    def rest(self) -> int:
        """Columns past the last whole tile that are computed as a narrower one.

        Only with NEON, whose instructions for a narrow tile are as busy as those for a wide one.
        """
        return self.conv.output_size[1] % self.tile[1] if self.words.neon is not None else 0

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles of an image, vertically and horizontally; the last ones overlap."""
        size, tile = self.conv.output_size, self.tile
        if self.rest:
            size = size[0], size[1] - self.rest
        return -(-size[0] // tile[0]), -(-size[1] // tile[1])

    @property
    def blocks(self) -> int:
        """Blocks of outputs of a group."""
        return -(-self.conv.outputs // self.words.block)

    @property
    def filled(self) -> int:
        """Outputs of a group with those that fill the last block."""
        return self.blocks * self.words.block

    @property
    def splits(self) -> tuple[int, int]:
        """Parts of the rows of tiles, and of the blocks of outputs, that jobs compute."""
        block_bytes = self.words.steps * self.words.vectors * self.words.vector_bytes
        if self.blocks * block_bytes <= _CACHE_BYTES:
            return self.tiles[0], 1
        parts = max(1, _JOBS // (self.conv.batch * self.conv.groups * self.blocks))
        return min(parts, self.tiles[0]), self.blocks

    def compute(self, signs: te.Tensor, weights: te.Tensor, starts: te.Tensor) -> te.Tensor:
        """Stages from packed signs to results (N, H, W, groups * filled outputs)."""
        flags = core_stage(self.name, find_zeros(signs), signs)
        image = core_stage(self.name, pad(signs, flags, self.conv, self.words), signs, flags)
        seen = count_zeros(image, flags, self.conv, self.words)
        zeros = core_stage(self.name, seen, image, flags)
        operands = image, flags, zeros, weights, starts
        return core_stage(self.name, self._count(*operands), *operands)

    def _count(
        self,
        image: te.Tensor,
        flags: te.Tensor,
        zeros: te.Tensor,
        weights: te.Tensor,
        starts: te.Tensor,
    ) -> PrimFunc:
        """Return the core that counts.

        The loops over pixels and vectors of a tile are unrolled while the core is written down,
        and each sum is a buffer of its own: small ones become registers.
        """
        conv, words, borders = self.conv, self.words, Borders.of(self.conv)
        (height, width), (kh, kw) = conv.output_size, conv.kernel
        (rows, columns), (tiles_y, tiles_x) = self.tile, self.tiles
        (row_parts, block_parts), filled, rest = self.splits, self.filled, self.rest
        strides, dilation = conv.geometry.strides, conv.geometry.dilation
        pixels, bits, copies = rows * columns, words.bits, words.copies
        part_rows, blocks = -(-tiles_y // row_parts), self.blocks // block_parts
        jobs = conv.batch * conv.groups * block_parts * row_parts
        result, result_lanes = f"int{words.result_bits}", words.result_lanes
        flush, widest = self._flush
        height_ = self._flushed_rows
        every, each = T.ramp(0, 1, words.counted_lanes), T.ramp(0, 1, words.lanes)
        sums_ = T.ramp(0, 1, words.total_lanes)
        counted, whole = f"uint{words.counted_bits}", f"uint{bits}"

        def allocate(dtype: str, lanes: int) -> list[list[Buffer]]:
            return [
                [T.sblock_alloc_buffer((lanes,), dtype) for _ in range(words.vectors)]
                for _ in range(pixels)
            ]

        def fill(sums: list[list[Buffer]], lanes: Expr) -> None:
            for sum_ in (vector for pixel in sums for vector in pixel):
                zero = T.broadcast(tirx.const(0, sum_.dtype), lanes.lanes)
                T.buffer_store(sum_, zero, [lanes])

        def add(totals: list[list[Buffer]], counts: list[list[Buffer]]) -> None:
            for pixel in range(len(totals)):
                for vector in range(words.vectors):
                    total, more = totals[pixel][vector], counts[pixel][vector]
                    T.buffer_store(total, total[sums_] + words.sum_lanes(more[every]), [sums_])

        def count_taps(operands, totals, counts, at, *, masked: bool) -> None:
            """Count the bits of all taps; counts of bytes are added up before they overflow."""

            def start(level: int) -> None:
                if level == flush:
                    fill(counts, every)

            def end(level: int) -> None:
                if level == flush:
                    add(totals, counts)

            if flush < 0:
                # One loop: LLVM unrolls short ones, and spills.
                with T.serial(kh * kw * words.count) as k:
                    tap = k // words.count
                    place = tap // kw, tap % kw, k % words.count
                    step(operands, counts, at, *place, masked)
                return
            taps, length = self._runs
            start(0)
            run = taps * length
            if words.neon is not None and flush == 0 and run <= _SHORT:
                # The first step adds to nothing: LLVM makes it a plain count.
                step(operands, counts, at, 0, 0, 0, masked)
                with T.serial(1, kh * run) as k:
                    # k // run, in fewer instructions than LLVM takes for a division.
                    row = T.shift_right(k * _reciprocal(run, kh * run), _RECIPROCAL_BITS)
                    rest = k - row * run
                    j, w = (0, rest) if taps == 1 else (rest // length, rest % length)
                    step(operands, counts, at, row, j, w, masked)
                end(0)
                return
            with T.serial(-(-kh // height_)) as band:
                start(1)
                with T.serial(T.min(height_, kh - band * height_)) as i, T.serial(taps) as j:
                    start(2)
                    with T.serial(-(-length // widest)) as part:
                        start(3)
                        with T.serial(T.min(widest, length - part * widest)) as w:
                            row = band * height_ + i
                            step(operands, counts, at, row, j, part * widest + w, masked)
                        end(3)
                    end(2)
                end(1)
            end(0)

        def step(operands, counts, at, i, j, w, masked: bool) -> None:
            image, weights = operands
            n, group, block, y, x = at
            for pixel in range(len(counts)):
                place = (
                    (y + pixel // columns) * strides[0] + i * dilation[0],
                    (x + pixel % columns) * strides[1] + j * dilation[1],
                    T.ramp((group * words.count + w) * copies, 1, copies)
                    if copies > 1
                    else group * words.count + w,
                )
                signs = spread(image[n, NEGATIVE, *place])
                present = ~spread(image[n, ZERO, *place]) if masked else None
                for vector in range(words.vectors):
                    differ = (
                        signs ^ weights[group, block, (i * kw + j) * words.count + w, vector, each]
                    )
                    if present is not None:
                        differ = differ & present
                    if words.counted_bits != bits:
                        differ = T.reinterpret(f"{counted}x{words.counted_lanes}", differ)
                    sum_ = counts[pixel][vector]
                    T.buffer_store(sum_, sum_[every] + T.popcount(differ), [every])

        def spread(word: Expr) -> Expr:
            vector = word if copies > 1 else T.broadcast(word, words.vector_bytes // 8)
            return vector if bits == 64 else T.reinterpret(f"{whole}x{words.lanes}", vector)

        def store(flat, starts, totals, zeros, at) -> None:
            n, group, block, y, x = at
            for pixel in range(len(totals)):
                row, column = y + pixel // columns, x + pixel % columns
                sums = words.merge([total[sums_] for total in totals[pixel]])
                for k, differ in enumerate(sums):
                    first = block * words.block + k * result_lanes
                    lanes = T.ramp(first, 1, result_lanes)
                    start = starts[borders.row(row), borders.column(column), group, lanes]
                    place = [n, row, column, T.ramp(group * filled + first, 1, result_lanes)]
                    if zeros is not None:
                        none = T.broadcast(zeros[n, row, column, group], result_lanes)
                        start = start - none
                    value = T.reinterpret(f"{result}x{result_lanes}", start - differ - differ)
                    T.buffer_store(flat, value, place)

        def compute_tile(operands, flags, starts, zeros, flat, totals, counts, at) -> None:
            fill(totals, sums_)
            with T.If(flags[at[0]] == T.uint64(0)):
                with T.Then():
                    count_taps(operands, totals, counts, at, masked=False)
                    if words.neon is not None:
                        store(flat, starts, totals, None, at)
                with T.Else():
                    count_taps(operands, totals, counts, at, masked=True)
                    if words.neon is not None:
                        store(flat, starts, totals, zeros, at)
            if words.neon is None:
                store(flat, starts, totals, zeros, at)

        # Only where no tile of rows hangs over do jobs compute regions of their own.
        size, lanes = part_rows * rows, blocks * words.block
        owns = row_parts * size == height

        def region(flat: Buffer, v: Expr) -> BufferRegion:
            image, y = v // row_parts // block_parts, v % row_parts * size
            at = image % conv.groups * filled + v // row_parts % block_parts * lanes
            return flat[image // conv.groups, y : y + size, 0:width, at : at + lanes]

        @T.prim_func(s_tir=True, private=True)
        def count(
            image: T.Buffer(image.shape, "uint64"),
            flags: T.Buffer(flags.shape, "uint64"),
            zeros: T.Buffer(zeros.shape, f"u{result}"),
            weights: T.Buffer(weights.shape, whole),
            starts: T.Buffer(starts.shape, f"u{result}"),
            flat: T.Buffer((conv.batch, height, width, conv.groups * filled), result),
        ):
            for job in T.parallel(jobs):
                with T.sblock("rows_of_tiles"):
                    v = T.axis.spatial(jobs, job)
                    if owns:
                        T.writes(region(flat, v))
                        T.sblock_attr({OWNS_RESULT: True})
                    totals = allocate(f"uint{words.total_bits}", words.total_lanes)
                    counts = totals if flush < 0 else allocate(counted, words.counted_lanes)
                    n: T.let = v // row_parts // block_parts // conv.groups
                    group: T.let = v // row_parts // block_parts % conv.groups
                    for b in range(blocks):
                        for t in range(part_rows):
                            block: T.let = v // row_parts % block_parts * blocks + b
                            y: T.let = T.min((v % row_parts * part_rows + t) * rows, height - rows)
                            for tx in range(tiles_x):
                                x: T.let = T.min(tx * columns, width - columns)
                                compute_tile(
                                    (image, weights),
                                    flags,
                                    starts,
                                    zeros,
                                    flat,
                                    totals,
                                    counts,
                                    (n, group, block, y, x),
                                )
                            if rest > 0:
                                compute_tile(
                                    (image, weights),
                                    flags,
                                    starts,
                                    zeros,
                                    flat,
                                    totals[:rest],
                                    counts[:rest],
                                    (n, group, block, y, width - rest),
                                )

        return count

    @property
    def _runs(self) -> tuple[int, int]:
        """Runs of a row of taps, and words of each: with NEON all of them lie side by side."""
        conv, count = self.conv, self.words.count
        beside = conv.groups == 1 and conv.geometry.dilation[1] == 1
        if self.words.neon is not None and beside:
            return 1, conv.kernel[1] * count
        return conv.kernel[1], count

    @property
    def _flush(self) -> tuple[int, int]:
        """The depth of loops (rows of taps, taps, words) within which counts do not overflow.

        -1 where they never do; and how many words are counted at a time.
        """
        words, (taps, length) = self.words, self._runs
        if words.counted_bits == words.bits:
            return -1, length
        for level, steps in enumerate((self.conv.kernel[0] * taps * length, taps * length, length)):
            if steps <= words.chunk:
                return level, length
        return 3, words.chunk

    @property
    def _flushed_rows(self) -> int:
        """Rows of taps whose counts are added up together, where more than one's are."""
        taps, length = self._runs
        if self.words.neon is None or self._flush[0] != 1:
            return self.conv.kernel[0] if self._flush[0] == 0 else 1
        return max(1, self.words.chunk // (taps * length))


def _reciprocal(divisor: int, limit: int) -> int:
    """Return what numbers below `limit` are multiplied by to be divided, after a shift."""
    factor = -(-(1 << _RECIPROCAL_BITS) // divisor)
    assert all(k * factor >> _RECIPROCAL_BITS == k // divisor for k in range(limit))
    return factor
