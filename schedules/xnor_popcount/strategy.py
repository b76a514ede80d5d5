"""Strategy `xnor_popcount`: signs as bits, products as xor, sums as population counts.

Signs and weights are words of 64 channels, a bit set where one is negative. Over the bits of all
words
    sum of products = bits - 2 * popcount(s ^ w),
and zeros, which come from padding and from sign(0), are masked or taken off (see `core`).
Vectors run along outputs, so that a pixel's word is broadcast to all of them and results are
contiguous; a dense layer is the convolution of one pixel.
"""

from math import prod

from tvm import relax, te

from ...ops.levels import LEVELS
from ...ops.packed_signs import words_of
from ...target import Features
from ..borders import sum_padding, sum_weights
from ..config import config_of
from ..decode import binary_weight, weight_shape
from ..emit import emit_kernel, emit_packing
from ..near_cache import LINE_CYCLES
from ..neon import neon_of
from ..nhwc import as_convolution, as_kernels, rows_as_image, write_image, write_rows
from ..pack_signs import pack_stage
from ..shapes import shape_of
from .core import PopcountCore
from .sign_words import SignWords, pack_weights

NAME = "xnor_popcount"
_LONG = 24
"""Words of a kernel that make it long."""


def obstacle(call: relax.Call, _features: Features) -> str | None:
    """Return why this strategy cannot compute the call, or None when it can."""
    if str(call.args[0].ty.dtype) in ("float32", LEVELS):
        return "activations are not signs"
    return None


def space(_call: relax.Call, features: Features) -> dict[str, tuple[int, ...]]:
    """Return the knobs: pixels of a tile, at most, and vectors of outputs, at least."""
    pixels = (7, 6, 5, 4, 3, 2, 1) if features.vector_bits == 512 else (4, 3, 2, 1)
    vectors = (4, 2, 1) if neon_of(features) is None else (16, 8, 4)
    return {"pixels": pixels, "vectors": vectors}


def cycles(call: relax.Call, features: Features) -> float:
    """Estimate the cycles of a call from its words, results and the packing of its data.

    The figures for a single one of these come from measurements of whole layers.
    """
    core = _core(call, features)
    conv, words = core.conv, core.words
    rows, columns = core.tile
    width = columns * core.tiles[1] + core.rest
    pixels = conv.batch * conv.groups * rows * core.tiles[0] * width
    vectors = pixels * core.blocks * words.vectors
    signs = 0 if _is_packed(call) else conv.batch * conv.groups * conv.channels
    packing = 0.12 * signs * conv.height * conv.width
    neon = neon_of(features)
    end = 4.0
    if neon is not None:
        # On 64-bit ARM what is counted in one go ends sooner.
        short = neon.wide and words.steps <= words.chunk
        end = 7.0 if neon.counts_instructions else 2.5 if short else end
    # Jobs of one block each write to every pixel's results: their lines do not stay.
    lacking = LINE_CYCLES * pixels * core.blocks if features.neon and core.splits[1] > 1 else 0
    return vectors * (words.steps * _count_cycles(features) + end) + packing + lacking


def _count_cycles(features: Features) -> float:
    """Cycles of the words of one vector: xor, count and add."""
    if features.popcount:
        return 1.35
    neon = neon_of(features)
    if neon is not None:
        # Xor, count and add, two a cycle, or one and loads between them; on 32-bit ARM halves of
        # registers are counted.
        return 5.85 if not neon.wide else 4.5 if neon.in_order else 1.55
    # Table lookups of half bytes where bytes can be permuted, shifts and masks elsewhere.
    return {512: 4.7, 256: 3.4}.get(features.vector_bits, 5.2)


def remark(call: relax.Call) -> str:
    """Return how many products one word holds."""
    shape = weight_shape(call)
    words = SignWords(shape[1], prod(shape[2:]), 4, 16, popcount=True, x86=False)
    return f"one word of {words.bits} bits holds {min(words.bits, words.channels)} products"


def legalize(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit the packing of the weights into words, then the kernel."""
    core = _core(call, features)
    weight = binary_weight(bb, call)
    dense = len(shape_of(weight)) == 2
    if dense:
        weight = emit_packing(bb, as_kernels, weight)
    groups = core.conv.groups
    packed = emit_packing(bb, pack_weights, weight, words=core.words, groups=groups)
    starts = emit_packing(
        bb,
        sum_padding,
        emit_packing(bb, sum_weights, weight),
        conv=core.conv,
        filled=core.filled,
        padding=1,
        dtype=f"uint{core.words.result_bits}",
    )

    packed_data = _is_packed(call)

    def compute(data: te.Tensor, packed: te.Tensor, starts: te.Tensor) -> te.Tensor:
        if dense:
            rows = pack_stage(rows_as_image(data), 1, "NHWC", features)
            flat = core.compute(rows, packed, starts)
            return write_rows(flat, data.shape[:-1], core.conv.outputs)
        layout = core.conv.geometry.data_layout
        signs = data if packed_data else pack_stage(data, groups, layout, features)
        return write_image(core.compute(signs, packed, starts), core.conv, core.filled)

    return emit_kernel(bb, NAME, compute, call.args[0], packed, starts)


def _is_packed(call: relax.Call) -> bool:
    return str(call.args[0].ty.dtype) == "uint64"


def _core(call: relax.Call, features: Features) -> PopcountCore:
    conv, config = as_convolution(call), config_of(call)
    # 32 registers hold the sums of 5 pixels and 4 vectors, whose results are narrow; where there
    # is more to count than to write, tiles with more pixels for 2 vectors are faster.
    long = features.vector_bits == 512 and conv.taps * words_of(conv.channels) >= _LONG
    neon = neon_of(features)
    vectors = config.get("vectors", 2 if long else 4)
    words = SignWords.of(conv.channels, conv.taps, conv.outputs, vectors, features)
    usual = 7 if long else 5 if features.vector_bits == 512 else 2
    if neon is not None:
        # Half of the registers hold sums: more would leave none for words and their counts. Where
        # instructions start in order, LLVM puts them in one in which even these are spilled.
        usual = neon.registers // 2 // vectors
        usual -= neon.in_order and usual > 1
    pixels = config.get("pixels", usual)
    return PopcountCore(NAME, conv, words, pixels)
