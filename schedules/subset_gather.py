"""Strategy `subset_gather`: each response is computed once, each output picks its own and adds.

For a block of neighbouring pixels and a chunk of units, three steps run in the first-level cache:

1. *piece sums*: a unit's weights are cut into pieces of three; the 8 signed sums of a piece's
   inputs are computed for the whole block.
2. *responses*: R[k] is the sum of the piece sums that the pieces of subset kernel k name.
3. *gather*: out[o] += R[idx[o, u]] for every output and unit: one vector load and add each.

Signs are added in int8 as long as they cannot overflow, then widened. Zeros in the data (padding,
sign(0)) need no care: they are added like everything else.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from functools import reduce
from operator import add

from tvm import relax, te
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..ops import ConvGeometry
from ..target import Features
from ..tvm_api import attrs_dict
from .emit import core_stage, emit_kernel, emit_packing
from .planes import Convolution, Planes, convolution_of, fitting_block
from .shapes import shape_of

NAME = "subset_gather"
PIECE = 3
"""Weights in a piece: 2^3 sums a piece are few enough to compute them all."""
UNROLLED_UNITS = 14
"""Longest chunk of units: the gather's inner loop is unrolled over it."""
BLOCKS = {"int8": 64, "float32": 32}
"""Pixels in a block, at most, by dtype."""
CACHE_BYTES = 28 * 1024
"""First-level data cache that piece sums and responses may fill; totals need some of it too."""
_INT8_MAX = 127
_CYCLES = {"int8": 1.0, "float32": 0.7}
"""Cycles of a vector instruction: floats share their index loads among more vectors."""
_JOBS = 2
"""Jobs below which an image's units are cut into parts; each part costs another round of adding."""
_WIDENING = 5
"""Instructions that add the sum of a chunk to an output's total."""


def obstacle(call: relax.Call, _features: Features) -> str | None:
    """Return why this strategy cannot compute the call, or None when it can."""
    if call.op.name != "snn.subset_conv2d":
        return f"{call.op.name} has no subset responses over pixels"
    _, unit, kh, kw = shape_of(call.args[1])
    if str(call.args[0].ty.dtype) == "int8" and unit * kh * kw > _INT8_MAX:
        return f"a unit of {unit * kh * kw} weights overflows an 8-bit response"
    return None


def cycles(call: relax.Call, features: Features) -> float:
    """Estimate the cycles of a call from its vector instructions."""
    return _core(call, features).cycles(features)


def remark(call: relax.Call) -> str:
    """Return what the responses serve."""
    kernels, outputs = shape_of(call.args[1])[0], shape_of(call.args[2])[0]
    groups = ConvGeometry.from_attrs(attrs_dict(call)).groups
    return f"{kernels} responses of an input unit serve {outputs // groups} outputs"


def legalize(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit the packing of the subset kernels, then the kernel."""
    data, subset, indices = call.args
    core = _core(call, features)
    pieces = emit_packing(bb, pack_pieces, subset)
    if core.filled_units > core.units:
        indices = emit_packing(bb, pad_units, indices, units=core.filled_units)
    return emit_kernel(bb, NAME, core.compute, data, pieces, indices)


def pack_pieces(subset: te.Tensor) -> te.Tensor:
    """Return the codes of each kernel's pieces: int8 (K, g, kh, kw) to uint8 (K, pieces).

    Bit b of piece p is set where weight 3p + b of the kernel, in row-major order, is +1.
    """
    kernels, unit, kh, kw = (int(size) for size in subset.shape)
    weights = unit * kh * kw

    def code(k: Expr, p: Expr) -> Expr:
        bits = T.uint8(0)
        for b in range(PIECE):
            # A piece past the end of the unit repeats the last weight; its bit is not used.
            t = T.min(p * PIECE + b, weights - 1)
            positive = subset[k, t // (kh * kw), t // kw % kh, t % kw] > T.int8(0)
            bits = bits + T.Select(positive, T.uint8(1 << b), T.uint8(0))
        return bits

    return te.compute((kernels, -(-weights // PIECE)), code, name="pack_pieces")


def pad_units(indices: te.Tensor, units: int) -> te.Tensor:
    """Return indices (O, units) with units of index 0 added; the data there is zero."""
    outputs, present = indices.shape
    return te.compute(
        (outputs, units),
        lambda o, u: T.if_then_else(u < present, indices[o, u], T.uint8(0)),
        name="pad_units",
    )


def _core(call: relax.Call, features: Features) -> "_Core":
    kernels, unit, kh, kw = shape_of(call.args[1])
    conv = convolution_of(call, shape_of(call.args[2])[0], (kh, kw))
    return _Core(conv, kernels, unit, str(call.args[0].ty.dtype), features)


class _Core:
    """The kernel of one call: its sizes, and the stages made from them."""

    def __init__(
        self, conv: Convolution, kernels: int, unit: int, dtype: str, features: Features
    ) -> None:
        self.conv, self.kernels, self.unit, self.dtype = conv, kernels, unit, dtype
        self.units = conv.channels // unit
        self.weights = unit * conv.taps
        self.pieces = -(-self.weights // PIECE)
        lane_bytes = 1 if dtype == "int8" else 4
        narrowest = min(BLOCKS[dtype], features.vector_bytes // lane_bytes)
        self.planes = Planes(conv, fitting_block(conv, BLOCKS[dtype], narrowest))
        self.block_bytes = self.planes.block * lane_bytes
        self.parts = self._parts()
        self.chunk = self._best_chunk()
        self.chunks = -(-self.units // (self.parts * self.chunk))

    @property
    def total(self) -> str:
        """Dtype that holds every result, in which chunks are summed up."""
        if self.dtype != "int8":
            return self.dtype
        return "int16" if self.conv.channels * self.conv.taps < 2**15 else "int32"

    def compute(self, data: te.Tensor, pieces: te.Tensor, indices: te.Tensor) -> te.Tensor:
        """Stages from the data to the result; see the module's description."""
        planes = self.planes.read(data, self.filled_units * self.unit)
        flat = core_stage(NAME, self._core(planes, pieces, indices), planes, pieces, indices)
        whole = te.compute(
            flat.shape[1:],
            lambda n, o, q: reduce(add, (flat[part, n, o, q] for part in range(self.parts))),
            name="whole",
        )
        return self.planes.write(whole, "int32" if self.dtype == "int8" else self.dtype)

    @property
    def filled_units(self) -> int:
        """Units of a group with those of zero data that fill the last chunk of every part."""
        return self.parts * self.chunks * self.chunk

    def cycles(self, features: Features) -> float:
        """Estimate the cycles of the kernel."""
        jobs = self.conv.batch * self.conv.groups * self.planes.blocks
        vectors = max(1.0, self.block_bytes / features.vector_bytes)
        instructions = jobs * vectors * self.parts * self._instructions(self.chunk)
        return _CYCLES[self.dtype] * instructions

    def _parts(self) -> int:
        """Return into how many parts to cut the units, to have work for several threads.

        Only a small image needs it: its few blocks of pixels are the jobs otherwise.
        """
        blocks = self.conv.batch * self.conv.groups * self.planes.blocks
        return max(1, _JOBS // blocks) if self.units >= _JOBS * UNROLLED_UNITS else 1

    def _best_chunk(self) -> int:
        """Return the units of a chunk for which a block of pixels costs the fewest instructions."""
        longest = UNROLLED_UNITS
        if self.dtype == "int8":
            longest = min(longest, _INT8_MAX // self.weights)
        table = CACHE_BYTES // self.block_bytes - 2 * 8 * self.pieces
        longest = min(longest, max(2, table // self.kernels))
        return min(range(1, longest + 1), key=self._instructions)

    def _instructions(self, chunk: int) -> int:
        """Vector instructions for a block of pixels, were the units taken in such chunks."""
        response = 8 * self.pieces + self.kernels * (self.pieces + 1)
        gather = self.conv.outputs * (chunk + _WIDENING)
        return -(-self.units // (self.parts * chunk)) * (gather + chunk * response)

    def _piece_sum(self, planes: te.Tensor, n: Expr, c: Expr, q: Expr, p: Expr, code: Expr) -> Expr:
        """Sum of piece p's inputs, each with the sign that its bit of `code` says."""
        _, kw = self.conv.kernel
        result = T.Cast(self.dtype, 0)
        for b in range(PIECE):
            t = T.min(p * PIECE + b, self.weights - 1)
            channel, i, j = t // self.conv.taps, t // kw % self.conv.kernel[0], t % kw
            value = self.planes.load(planes, n, c + channel, q, i, j)
            signed = T.Select(code >> b & 1 == 1, value, -value)
            result = result + T.Select(p * PIECE + b < self.weights, signed, T.Cast(self.dtype, 0))
        return result

    def _response(self, sums: te.Tensor, pieces: te.Tensor, k: Expr, u: Expr, px: Expr) -> Expr:
        result = sums[u, 0, T.Cast("int32", pieces[k, 0]), px]
        for p in range(1, self.pieces):
            result = result + sums[u, p, T.Cast("int32", pieces[k, p]), px]
        return result

    def _core(self, planes: te.Tensor, pieces: te.Tensor, indices: te.Tensor) -> PrimFunc:
        conv, block, blocks = self.conv, self.planes.block, self.planes.blocks
        dtype, total, unit = self.dtype, self.total, self.unit
        chunk, chunks = self.chunk, self.chunks
        channels, parts = self.filled_units * unit, self.parts
        jobs = conv.batch * conv.groups * blocks
        pair = 2 if chunk % 2 == 0 else 1
        piece_count, piece_sum, response = self.pieces, self._piece_sum, self._response
        per_piece = T.unroll if piece_count <= 6 else T.serial
        image_outputs = conv.groups * conv.outputs

        @T.prim_func(s_tir=True, private=True)
        def core(
            planes: T.Buffer(planes.shape, dtype),
            pieces: T.Buffer(pieces.shape, "uint8"),
            indices: T.Buffer(indices.shape, "uint8"),
            flat: T.Buffer((parts, conv.batch, image_outputs, blocks * block), total),
        ):
            for job in T.parallel(parts * jobs):
                with T.sblock("block_of_pixels"):
                    v = T.axis.spatial(parts * jobs, job)
                    part: T.let = v // jobs
                    sums = T.sblock_alloc_buffer((pair, piece_count, 8, block), dtype)
                    responses = T.sblock_alloc_buffer((chunk, self.kernels, block), dtype)
                    partial = T.sblock_alloc_buffer((block,), dtype, scope="local")
                    totals = T.sblock_alloc_buffer((conv.outputs, block), total)
                    n: T.let = v % jobs // (conv.groups * blocks)
                    group: T.let = v // blocks % conv.groups
                    q: T.let = v % blocks * block
                    for o in range(conv.outputs):
                        for px in T.vectorized(block):
                            totals[o, px] = T.Cast(total, 0)
                    for ch in range(chunks):
                        for pu in range(chunk // pair):
                            for u in T.unroll(pair):
                                for p in per_piece(piece_count):
                                    for code in T.unroll(8):
                                        for px in T.vectorized(block):
                                            sums[u, p, code, px] = piece_sum(
                                                planes,
                                                n,
                                                group * channels
                                                + ((part * chunks + ch) * chunk + pu * pair + u)
                                                * unit,
                                                q + px,
                                                p,
                                                code,
                                            )
                            for k in range(self.kernels):
                                for u in T.unroll(pair):
                                    for px in T.vectorized(block):
                                        responses[pu * pair + u, k, px] = response(
                                            sums, pieces, k, u, px
                                        )
                        for o in range(conv.outputs):
                            for px in T.vectorized(block):
                                partial[px] = T.Cast(dtype, 0)
                            for u in T.unroll(chunk):
                                for px in T.vectorized(block):
                                    partial[px] = (
                                        partial[px]
                                        + responses[
                                            u,
                                            T.Cast(
                                                "int32",
                                                indices[
                                                    group * conv.outputs + o,
                                                    (part * chunks + ch) * chunk + u,
                                                ],
                                            ),
                                            px,
                                        ]
                                    )
                            for px in T.vectorized(block):
                                totals[o, px] = totals[o, px] + T.Cast(total, partial[px])
                    for o in range(conv.outputs):
                        for px in T.vectorized(block):
                            flat[part, n, group * conv.outputs + o, q + px] = totals[o, px]

        return core
