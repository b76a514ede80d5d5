"""Strategy `subset_lookup`: the responses to a patch of signs are a row of a table made offline.

A unit sees a patch of kh x kw signs in each of its channels, and one bit says which of the signs
are negative: 9 bits for a 3x3 kernel, so that there are only 512 patches. A table, made when the
network is loaded, holds for every patch the number of signs in which each of the K subset kernels
differs from it. At run time the patch's code addresses its row of K bytes, which *is* the
response of all kernels, and one permutation of bytes picks from it the responses that 64 outputs
ask for:
    differ[o] += row[idx[o, u]],   out[o] = taps * channels - 2 * differ[o].

Units of several channels add the rows of their channels first, so that one permutation serves
them all; where K^2 <= 64, two units (K^3: three, ...) are joined to one in the same way.

*Padding* counts as -1. Which taps fall into it depends on the row and the column of a pixel only,
in at most a few classes of each, and what those taps added is a constant of class and output.

*Zeros* inside the image are halfway between +1 and -1, and sums are linear: the sum with zeros as
+1 and the sum with zeros as -1 have the right mean. Chunks of units that have a zero somewhere in
the image are therefore summed twice, all others once and doubled.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from functools import reduce
from operator import add

from tvm import relax, te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..target import Features
from .decode import binary_weight
from .emit import core_stage, emit_kernel, emit_packing
from .planes import Convolution, Planes, convolution_of
from .shapes import shape_of

NAME = "subset_lookup"
LANES = 64
"""Bytes that one permutation reads and writes: outputs served, and responses to choose from."""
PATCH_BITS = 9
"""Longest code: a table of 2^9 rows stays in the first-level cache."""
SUMS = 16
"""Vectors of sums that are kept in registers together."""
BLOCK = 32
"""Pixels whose codes are made together and lie side by side."""
SQUARE = 8
"""Rows and columns that are transposed in registers together."""
_CODE_ROW_BITS = 8
_CACHE_BYTES = 16 * 1024
"""Table that the first-level cache holds next to indices, codes and sums."""
_U8_MAX = 255
_INT16_MAX = 2**15 - 1


def obstacle(call: relax.Call, features: Features) -> str | None:
    """Return why this strategy cannot compute the call, or None when it can."""
    if call.op.name != "snn.subset_conv2d":
        return f"{call.op.name} has no table of patches"
    if not features.byte_permute:
        return "the target cannot permute the bytes of a whole register"
    if str(call.args[0].ty.dtype) != "int8":
        return "activations are not signs"
    kernels, unit, kh, kw = shape_of(call.args[1])
    if kernels > LANES:
        return f"a register holds the responses of {LANES} kernels, not of {kernels}"
    if kw > _CODE_ROW_BITS:
        return f"a row of {kw} weights has too many patterns to tabulate"
    if unit * kh * kw > _U8_MAX:
        return f"a unit of {unit * kh * kw} weights overflows an 8-bit response"
    weights = shape_of(call.args[2])[1] * unit * kh * kw
    if weights > _INT16_MAX:
        return f"a sum of {weights} products overflows 16 bits"
    return None


def cycles(call: relax.Call, _features: Features) -> float:
    """Estimate the cycles of a call from its permutations, table loads, codes and results.

    The figures for a single one of these come from measurements of whole layers.
    """
    core, table = _core(call), _table(call)
    images, pixels = core.conv.batch * core.conv.groups, core.tiles * core.tile
    loads = images * core.parts * pixels * table.units * table.pieces
    permutations = images * core.parts * pixels * table.units * core.blocks
    widenings = permutations / table.units * table.chunks
    load = 0.6 if table.pieces * table.patterns * table.row_bytes <= _CACHE_BYTES else 1.3
    adding = 1.15 * permutations + load * loads + 5 * widenings
    results = images * pixels * core.filled_outputs
    signs = images * core.conv.channels * core.planes.blocks * BLOCK
    return adding + 0.7 * (results + signs) + 150 * images * core.parts * core.tiles


def remark(call: relax.Call) -> str:
    """Return what one permutation does."""
    table = _table(call)
    return f"a byte permutation adds {table.unit * table.taps} products to {LANES} outputs"


def legalize(bb: relax.BlockBuilder, call: relax.Call, _features: Features) -> relax.Expr:
    """Emit the tables and the packing of indices, then the kernel."""
    data, subset, indices = call.args
    table = _table(call)
    core = _core(call)
    groups = core.conv.groups
    rows = emit_packing(bb, pack_rows, subset, table=table)
    lanes = emit_packing(bb, pack_lanes, indices, table=table, groups=groups, blocks=core.blocks)
    sums = emit_packing(bb, sum_weights, binary_weight(bb, call))
    starts = emit_packing(bb, pack_starts, sums, core=core)
    return emit_kernel(bb, NAME, core.compute, data, rows, lanes, starts)


class Table:
    """The rows of responses of one call's subset, and how they are addressed.

    The signs of a unit, in the order of its weights, are rows of kw bits; a few rows make the code
    of a *piece* of the unit, and the unit's responses are the sum of its pieces' table rows.
    """

    def __init__(self, subset: tuple[int, ...], units: int) -> None:
        """Choose the table for a subset (K, g, kh, kw) of which a group of outputs has `units`."""
        kernels, unit, self.kh, self.kw = subset
        self.subset_kernels, self.subset_unit = kernels, unit
        self.joined = max(
            m
            for m in range(1, 7)
            if m == 1
            or (kernels**m <= LANES and units % m == 0 and m * unit * self.taps <= _U8_MAX)
        )
        self.kernels, self.unit = kernels**self.joined, unit * self.joined
        self.units = units // self.joined
        rows = self.unit * self.kh
        self.pieces = -(-rows // max(1, PATCH_BITS // self.kw))
        self.rows = -(-rows // self.pieces)

    @property
    def taps(self) -> int:
        """Weights of a unit in one channel."""
        return self.kh * self.kw

    @property
    def patterns(self) -> int:
        """Codes that a piece can have."""
        return 1 << self.rows * self.kw

    @property
    def row_bytes(self) -> int:
        """Bytes of a row: a part of a register that one load can repeat over all of it."""
        return next(size for size in (16, 32, 64) if self.kernels <= size)

    @property
    def chunk(self) -> int:
        """Units whose responses can be summed up in 8 bits."""
        return _U8_MAX // (self.unit * self.taps)

    @property
    def chunks(self) -> int:
        """Chunks of a group's units; the last one may be shorter."""
        return -(-self.units // self.chunk)


def pack_rows(subset: te.Tensor, table: Table) -> te.Tensor:
    """Return the responses to every code: int8 (K, g, kh, kw) to uint8 (pieces*codes*row bytes).

    A response is the number of signs that differ. Bit b of a code is set where the b-th sign of
    the piece is negative.
    """
    bits = table.rows * table.kw

    def response(at: Expr) -> Expr:
        k = T.min(at % table.row_bytes, table.kernels - 1)
        code = at // table.row_bytes % table.patterns
        piece = at // (table.row_bytes * table.patterns)
        result = T.uint8(0)
        for b in range(bits):
            t = piece * bits + b
            channel = t // table.taps
            # A piece past the end of the unit counts nothing.
            present = t < table.unit * table.taps
            inside = T.min(channel, table.unit - 1)
            kernel = k
            for s in range(1, table.joined):
                digit = k // table.subset_kernels**s
                kernel = T.Select(inside // table.subset_unit == s, digit, kernel)
            weight = subset[
                kernel % table.subset_kernels,
                inside % table.subset_unit,
                t // table.kw % table.kh,
                t % table.kw,
            ]
            differs = T.Cast("uint8", weight < T.int8(0)) ^ T.Cast("uint8", code >> b & 1)
            result = result + T.Select(present, differs, T.uint8(0))
        return result

    return te.compute((table.pieces * table.patterns * table.row_bytes,), response, "pack_rows")


def pack_lanes(indices: te.Tensor, table: Table, groups: int, blocks: int) -> te.Tensor:
    """Return the indices as the permutation reads them.

    uint8 (O, units) to uint8 (groups, parts, units, blocks, 64): the bytes of a part of the
    outputs, unit by unit. Even bytes are the first 32 outputs of a block and odd bytes the other
    32, so that taking even and odd bytes of the sums apart leaves outputs in order.
    """
    outputs = int(indices.shape[0]) // groups
    parts = -(-outputs // (blocks * LANES))

    def index(group: Expr, part: Expr, u: Expr, block: Expr, lane: Expr) -> Expr:
        o = (part * blocks + block) * LANES + lane % 2 * (LANES // 2) + lane // 2
        row = group * outputs + T.min(o, outputs - 1)
        result = T.uint8(0)
        for s in range(table.joined):
            digit = indices[row, u * table.joined + s]
            result = result + digit * T.uint8(table.subset_kernels**s)
        return result

    return te.compute((groups, parts, table.units, blocks, LANES), index, name="pack_lanes")


def sum_weights(weight: te.Tensor) -> te.Tensor:
    """Return the weights (O, C, kh, kw) summed over channels, int32 (kh, kw, O)."""
    outputs, channels, kh, kw = (int(size) for size in weight.shape)
    c = te.reduce_axis((0, channels), "c")
    return te.compute(
        (kh, kw, outputs),
        lambda i, j, o: te.sum(weight[o, c, i, j].astype("int32"), axis=[c]),
        name="sum_weights",
    )


def pack_starts(sums: te.Tensor, core: "_Core") -> te.Tensor:
    """Return what a sum of products would be if nothing differed, the padding's part taken off.

    int32 (kh, kw, O) to uint16 (row classes, column classes, groups, filled outputs), modulo 2^16.
    """
    conv = core.conv
    (kh, kw), (rows, columns) = conv.kernel, core.classes

    def start(y: Expr, x: Expr, group: Expr, o: Expr) -> Expr:
        result = T.int32(conv.channels * conv.taps)
        row = group * conv.outputs + T.min(o, conv.outputs - 1)
        for i in range(kh):
            for j in range(kw):
                outside = tirx.any(rows.outside(y, i), columns.outside(x, j))
                result = result + T.Select(outside, sums[i, j, row], T.int32(0))
        return T.Cast("uint16", result)

    return te.compute(
        (len(rows.taps), len(columns.taps), conv.groups, core.filled_outputs), start, "pack_starts"
    )


class _Classes:
    """Output rows (or columns) of an image by the taps that fall into the padding there."""

    def __init__(self, conv: Convolution, axis: int) -> None:
        geometry = conv.geometry
        stride, dilation = geometry.strides[axis], geometry.dilation[axis]
        size = (conv.height, conv.width)[axis]
        self.taps: list[frozenset[int]] = []
        """For each class, the taps outside of the image."""
        self.changes: list[int] = []
        """Rows at which the next class starts."""
        for y in range(conv.output_size[axis]):
            first = y * stride - geometry.padding[axis]
            taps = frozenset(
                i for i in range(conv.kernel[axis]) if not 0 <= first + i * dilation < size
            )
            if not self.taps or taps != self.taps[-1]:
                self.taps.append(taps)
                self.changes.append(y)

    def of(self, y: Expr) -> Expr:
        """Return the class of a row."""
        return reduce(add, (T.Cast("int32", y >= c) for c in self.changes[1:]), T.int32(0))

    def outside(self, which: Expr, tap: int) -> Expr:
        """Return whether a tap is in the padding in a class."""
        return tirx.any(
            tirx.const(False), *(which == k for k, taps in enumerate(self.taps) if tap in taps)
        )


def whole(buffer: tirx.Buffer) -> tirx.BufferRegion:
    """Return all of a buffer, for blocks whose loops have extents that depend on data."""
    return buffer[tuple(slice(0, size) for size in buffer.shape)]


def _table(call: relax.Call) -> Table:
    return Table(shape_of(call.args[1]), shape_of(call.args[2])[1])


def _core(call: relax.Call) -> "_Core":
    _, _, kh, kw = shape_of(call.args[1])
    return _Core(convolution_of(call, shape_of(call.args[2])[0], (kh, kw)), _table(call))


class _Core:
    """The kernel of one call: its sizes, and the stages made from them."""

    def __init__(self, conv: Convolution, table: Table) -> None:
        self.conv, self.table = conv, table
        self.planes = Planes(conv, BLOCK, slack=LANES - 1)
        self.classes = _Classes(conv, 0), _Classes(conv, 1)
        vectors = -(-conv.outputs // LANES)
        self.blocks = next(b for b in (4, 2, 1) if vectors % b == 0)
        self.parts = vectors // self.blocks
        height, width = conv.output_size
        self.pixels = height * width
        most = min(8, SUMS // self.blocks)
        self.tile = min(range(most, most // 2, -1), key=lambda t: -(-self.pixels // t) * t)
        self.tiles = -(-self.pixels // self.tile)

    @property
    def filled_outputs(self) -> int:
        """Outputs of a group with those that fill the last vector."""
        return self.parts * self.blocks * LANES

    @property
    def filled_pixels(self) -> int:
        """Pixels of an image with those that fill the last tile, and one square at least."""
        return max(SQUARE, self.tiles * self.tile)

    @property
    def strips(self) -> int:
        """Vectors of row bits in a plane, as far as codes are made from them."""
        last = self.planes.distance(self.conv.kernel[0] - 1, 0)
        return -(-(self.planes.blocks * BLOCK + last) // LANES)

    def compute(
        self, data: te.Tensor, rows: te.Tensor, lanes: te.Tensor, starts: te.Tensor
    ) -> te.Tensor:
        """Stages from the data to the result; see the module's description."""
        conv = self.conv
        planes = self.planes.read(data, fill=-1)
        zeros = core_stage(NAME, self._find_zeros(planes), planes)
        bits = core_stage(NAME, self._encode_rows(planes, zeros), planes, zeros)
        codes = core_stage(NAME, self._encode(bits, zeros), bits, zeros)
        core = self._accumulate(codes, zeros, rows, lanes, starts)
        sums = core_stage(NAME, core, codes, zeros, rows, lanes, starts)
        height, width = conv.output_size
        sizes = conv.geometry.in_layout(conv.batch, conv.groups * conv.outputs, height, width)
        shape = [tirx.IntImm("int64", size) for size in sizes]

        def row(o: Expr) -> Expr:
            if conv.groups == 1 or self.filled_outputs == conv.outputs:
                return o
            return o // conv.outputs * self.filled_outputs + o % conv.outputs

        if conv.geometry.data_layout == "NHWC":
            return te.compute(
                shape,
                lambda n, y, x, o: sums[n, y * width + x, row(o)].astype("int32"),
                name="image",
            )
        flat = core_stage(NAME, self._transpose(sums), sums)
        return te.compute(
            shape,
            lambda n, o, y, x: flat[n, row(o), y * width + x].astype("int32"),
            name="image",
        )

    def _find_zeros(self, planes: te.Tensor) -> PrimFunc:
        """Return the core that says for every chunk of units whether the image has a zero there."""
        conv, table, area, pitch = self.conv, self.table, self.planes.area, self.planes.pitch
        phases_y, phases_x = self.planes.phases
        phases, images, chunks = phases_y * phases_x, conv.batch * conv.groups, table.chunks
        chunk = table.chunk * table.unit
        strip = min(64, area)

        @T.prim_func(s_tir=True, private=True)
        def find_zeros(
            planes: T.Buffer(planes.shape, "int8"), zeros: T.Buffer((images, chunks), "uint8")
        ):
            for job in T.parallel(images * chunks):
                with T.sblock("chunk_of_units"):
                    v = T.axis.spatial(images * chunks, job)
                    T.reads(whole(planes))
                    T.writes(whole(zeros))
                    least = T.sblock_alloc_buffer((strip,), "int8", scope="local")
                    found = T.sblock_alloc_buffer((1,), "uint8")
                    image: T.let = v // chunks
                    n: T.let = image // conv.groups
                    first: T.let = v % chunks * chunk
                    for px in T.vectorized(strip):
                        least[px] = T.int8(1)
                    for c in range(T.min(chunk, conv.channels - first)):
                        for phase in range(phases):
                            for s in range(-(-area // strip)):
                                start: T.let = T.min(s * strip, area - strip)
                                for px in T.vectorized(strip):
                                    least[px] = T.min(
                                        least[px],
                                        T.abs(
                                            planes[
                                                n,
                                                image % conv.groups * conv.channels + first + c,
                                                phase // phases_x,
                                                phase % phases_x,
                                                (start + px) // pitch,
                                                (start + px) % pitch,
                                            ]
                                        ),
                                    )
                    found[0] = T.uint8(0)
                    for px in range(strip):
                        found[0] = T.max(found[0], T.Cast("uint8", T.int8(1) - least[px]))
                    zeros[image, v % chunks] = found[0]

        return find_zeros

    def _encode_rows(self, planes: te.Tensor, zeros: te.Tensor) -> PrimFunc:
        """Return the core that gives every place of a plane the bits of the kw signs from there on.

        Where a chunk has zeros, a second plane of bits follows, with zeros as -1.
        """
        conv, table, layout, pitch = self.conv, self.table, self.planes, self.planes.pitch
        (_, kw), (phases_y, _) = conv.kernel, layout.phases
        channels, chunk = conv.groups * conv.channels, table.chunk * table.unit
        jobs, strips = conv.batch * channels, self.strips

        def sign(planes: te.Tensor, n: Expr, c: Expr, a: Expr, f: Expr, j: Expr) -> Expr:
            at = f + layout.distance(0, j)
            return planes[n, c, a, layout.phase(0, j)[1], at // pitch, at % pitch]

        @T.prim_func(s_tir=True, private=True)
        def encode_rows(
            planes: T.Buffer(planes.shape, "int8"),
            zeros: T.Buffer(zeros.shape, "uint8"),
            bits: T.Buffer((2, conv.batch, channels, phases_y, strips * LANES), "uint8"),
        ):
            for job in T.parallel(jobs):
                with T.sblock("channel"):
                    v = T.axis.spatial(jobs, job)
                    T.reads(whole(planes), whole(zeros))
                    T.writes(whole(bits))
                    row = T.sblock_alloc_buffer((LANES,), "int8", scope="local")
                    n: T.let = v // channels
                    c: T.let = v % channels
                    zero: T.let = T.Cast(
                        "int32", zeros[v // conv.channels, v % conv.channels // chunk]
                    )
                    for turn in range(1 + zero):
                        for a in range(phases_y):
                            for s in range(strips):
                                for px in T.vectorized(LANES):
                                    row[px] = T.int8(0)
                                for j in T.unroll(kw):
                                    for px in T.vectorized(LANES):
                                        row[px] = (
                                            row[px]
                                            + row[px]
                                            + T.Cast(
                                                "int8",
                                                sign(planes, n, c, a, s * LANES + px, kw - 1 - j)
                                                < T.Cast("int8", turn),
                                            )
                                        )
                                for px in T.vectorized(LANES):
                                    bits[turn, n, c, a, s * LANES + px] = T.Cast("uint8", row[px])

        return encode_rows

    def _encode(self, bits: te.Tensor, zeros: te.Tensor) -> PrimFunc:
        """Return the core that puts the codes of pieces together from rows.

        A code is written as the distance of its row in the table.
        """
        conv, table, layout = self.conv, self.table, self.planes
        kh, kw = conv.kernel
        images, blocks = conv.batch * conv.groups, layout.blocks
        units, pieces, unit, chunk = table.units, table.pieces, table.unit, table.chunk

        def code(bits: te.Tensor, turn: Expr, n: Expr, c: Expr, piece: Expr, q: Expr) -> Expr:
            result = T.uint16(0)
            for r in range(table.rows):
                t = T.min(piece * table.rows + r, unit * kh - 1)
                i = t % kh
                row = bits[turn, n, c + t // kh, layout.phase(i, 0)[0], q + layout.distance(i, 0)]
                placed = T.Cast("uint16", row) * T.uint16(table.row_bytes << r * kw)
                present = piece * table.rows + r < unit * kh
                result = result + T.Select(present, placed, T.uint16(0))
            return result

        @T.prim_func(s_tir=True, private=True)
        def encode(
            bits: T.Buffer(bits.shape, "uint8"),
            zeros: T.Buffer(zeros.shape, "uint8"),
            codes: T.Buffer((2 * images * blocks * units * pieces * BLOCK,), "uint16"),
        ):
            for job in T.parallel(images * blocks):
                with T.sblock("block_of_pixels"):
                    v = T.axis.spatial(images * blocks, job)
                    T.reads(whole(bits), whole(zeros))
                    T.writes(whole(codes))
                    image: T.let = v // blocks
                    for u in range(units):
                        channel: T.let = image % conv.groups * conv.channels + u * unit
                        for turn in range(1 + T.Cast("int32", zeros[image, u // chunk])):
                            at: T.let = (turn * images * blocks + v) * units + u
                            for piece in T.unroll(pieces):
                                for px in T.vectorized(BLOCK):
                                    codes[(at * pieces + piece) * BLOCK + px] = code(
                                        bits,
                                        turn,
                                        image // conv.groups,
                                        channel,
                                        piece,
                                        v % blocks * BLOCK + px,
                                    )

        return encode

    def _accumulate(
        self,
        codes: te.Tensor,
        zeros: te.Tensor,
        rows: te.Tensor,
        lanes: te.Tensor,
        starts: te.Tensor,
    ) -> PrimFunc:
        """Return the core that adds up: a tile of pixels and some vectors of outputs in registers.

        Table rows come straight from the codes: no arithmetic is left on them but the address.
        """
        conv, table, layout = self.conv, self.table, self.planes
        tile, tiles, blocks, parts = self.tile, self.tiles, self.blocks, self.parts
        units, pieces, chunk, chunks = table.units, table.pieces, table.chunk, table.chunks
        images, width = conv.batch * conv.groups, conv.output_size[1]
        row_classes, column_classes = self.classes
        filled, half = self.filled_outputs, LANES // 2
        vectors = blocks * 2
        copies = LANES // table.row_bytes
        bytes_, low_byte, byte_bits = f"uint8x{LANES}", T.uint16(255), T.uint16(8)

        def block_codes(block: Expr, u: Expr) -> Expr:
            return (block * units + u) * (pieces * BLOCK)

        def place_of(image: Expr, q: Expr) -> Expr:
            return block_codes(image * layout.blocks + q // BLOCK, 0) + q % BLOCK

        def pairs(differ: te.Tensor, px: Expr, block: Expr) -> Expr:
            return T.reinterpret(f"uint16x{half}", differ[px, block, T.ramp(0, 1, LANES)])

        def responses(rows: te.Tensor, codes: te.Tensor, place: Expr) -> Expr:
            result = None
            for piece in range(pieces):
                code = T.Cast("int32", codes[place + piece * BLOCK])
                start = piece * table.patterns * table.row_bytes + code
                row = rows.vload([start], f"uint8x{table.row_bytes}")
                row = T.Shuffle([row] * copies, list(range(LANES)))
                result = row if result is None else result + row
            return result

        @T.prim_func(s_tir=True, private=True)
        def accumulate(
            codes: T.Buffer(codes.shape, "uint16"),
            zeros: T.Buffer(zeros.shape, "uint8"),
            rows: T.Buffer(rows.shape, "uint8"),
            lanes: T.Buffer(lanes.shape, "uint8"),
            starts: T.Buffer(starts.shape, "uint16"),
            sums: T.Buffer((conv.batch, self.filled_pixels, conv.groups * filled), "int16"),
        ):
            for job in T.parallel(images * parts * tiles):
                with T.sblock("tile_of_pixels"):
                    v = T.axis.spatial(images * parts * tiles, job)
                    T.reads(whole(codes), whole(zeros), whole(rows), whole(lanes), whole(starts))
                    T.writes(whole(sums))
                    place = T.sblock_alloc_buffer((tile,), "int32", scope="local")
                    table_ = T.sblock_alloc_buffer((tile, LANES), "uint8", scope="local")
                    differ = T.sblock_alloc_buffer((tile, blocks, LANES), "uint8", scope="local")
                    totals = T.sblock_alloc_buffer((2, tile, vectors * half), "uint16")
                    image: T.let = v // (parts * tiles)
                    n: T.let = image // conv.groups
                    group: T.let = image % conv.groups
                    part: T.let = v // tiles % parts
                    first: T.let = v % tiles * tile
                    for px in T.unroll(tile):
                        pixel: T.let = T.min(first + px, self.pixels - 1)
                        place[px] = place_of(image, pixel // width * layout.pitch + pixel % width)
                    for twice in range(2):
                        for px in range(tile):
                            for o in T.vectorized(vectors * half):
                                totals[twice, px, o] = T.uint16(0)
                    # One loop over both rounds: in a loop over the rounds of one chunk the place of
                    # its totals would not change, and LLVM would keep, and spill, all of them.
                    for step in range(2 * chunks):
                        ch: T.let = step % chunks
                        zero: T.let = T.Cast("int32", zeros[image, ch])
                        if step < chunks or zero > 0:
                            for px in T.unroll(tile):
                                for block in T.unroll(blocks):
                                    for o in T.vectorized(LANES):
                                        differ[px, block, o] = T.uint8(0)
                            for u in range(T.min(chunk, units - ch * chunk)):
                                for px in T.unroll(tile):
                                    table_[px, T.ramp(0, 1, LANES)] = responses(
                                        rows,
                                        codes,
                                        place[px]
                                        + block_codes(
                                            step // chunks * images * layout.blocks, ch * chunk + u
                                        ),
                                    )
                                    for block in T.unroll(blocks):
                                        differ[px, block, T.ramp(0, 1, LANES)] = (
                                            T.call_llvm_pure_intrin(
                                                bytes_,
                                                "llvm.uadd.sat.v64i8",
                                                differ[px, block, T.ramp(0, 1, LANES)],
                                                T.call_llvm_pure_intrin(
                                                    bytes_,
                                                    "llvm.x86.avx512.permvar.qi.512",
                                                    table_[px, T.ramp(0, 1, LANES)],
                                                    lanes[
                                                        group,
                                                        part,
                                                        ch * chunk + u,
                                                        block,
                                                        T.ramp(0, 1, LANES),
                                                    ],
                                                ),
                                            )
                                        )
                            for px in T.unroll(tile):
                                for block in T.unroll(blocks):
                                    totals[zero, px, T.ramp(block * LANES, 1, half)] = totals[
                                        zero, px, T.ramp(block * LANES, 1, half)
                                    ] + (pairs(differ, px, block) & T.broadcast(low_byte, half))
                                    totals[zero, px, T.ramp(block * LANES + half, 1, half)] = (
                                        totals[zero, px, T.ramp(block * LANES + half, 1, half)]
                                        + (pairs(differ, px, block) >> T.broadcast(byte_bits, half))
                                    )
                    for px in range(tile):
                        at: T.let = T.min(first + px, self.pixels - 1)
                        for vector in range(vectors):
                            for o in T.vectorized(half):
                                sums[
                                    n,
                                    first + px,
                                    group * filled + (part * vectors + vector) * half + o,
                                ] = T.Cast(
                                    "int16",
                                    starts[
                                        row_classes.of(at // width),
                                        column_classes.of(at % width),
                                        group,
                                        (part * vectors + vector) * half + o,
                                    ]
                                    - totals[0, px, vector * half + o]
                                    - totals[0, px, vector * half + o]
                                    - totals[1, px, vector * half + o],
                                )

        return accumulate

    def _transpose(self, sums: te.Tensor) -> PrimFunc:
        """Return the core that brings rows of outputs into planes of pixels, square by square."""
        conv, filled = self.conv, self.conv.groups * self.filled_outputs
        pixels = max(SQUARE, self.pixels)
        low = [lane for k in range(SQUARE // 2) for lane in (k, SQUARE + k)]
        high = [lane + SQUARE // 2 for lane in low]

        def halves(square: te.Tensor, turn: Expr, row: Expr) -> list[Expr]:
            lanes = T.ramp(0, 1, SQUARE)
            return [square[turn, row, lanes], square[turn, row + SQUARE // 2, lanes]]

        @T.prim_func(s_tir=True, private=True)
        def transpose(
            sums: T.Buffer(sums.shape, "int16"),
            flat: T.Buffer((conv.batch, filled, pixels), "int16"),
        ):
            for job in T.parallel(conv.batch * (filled // LANES)):
                with T.sblock("outputs"):
                    v = T.axis.spatial(conv.batch * (filled // LANES), job)
                    square = T.sblock_alloc_buffer((4, SQUARE, SQUARE), "int16", scope="local")
                    n: T.let = v // (filled // LANES)
                    for p in range(-(-pixels // SQUARE)):
                        first: T.let = T.min(p * SQUARE, pixels - SQUARE)
                        for column in range(LANES // SQUARE):
                            o: T.let = v % (filled // LANES) * LANES + column * SQUARE
                            for row in T.unroll(SQUARE):
                                for lane in T.vectorized(SQUARE):
                                    square[0, row, lane] = sums[n, first + row, o + lane]
                            for turn in T.unroll(3):
                                for row in T.unroll(SQUARE // 2):
                                    square[turn + 1, row * 2, T.ramp(0, 1, SQUARE)] = T.Shuffle(
                                        halves(square, turn, row), low
                                    )
                                    square[turn + 1, row * 2 + 1, T.ramp(0, 1, SQUARE)] = T.Shuffle(
                                        halves(square, turn, row), high
                                    )
                            for row in T.unroll(SQUARE):
                                for lane in T.vectorized(SQUARE):
                                    flat[n, o + row, first + lane] = square[3, row, lane]

        return transpose
