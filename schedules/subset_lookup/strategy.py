"""Strategy `subset_lookup`: the responses to a patch of signs are a row of a table made offline.

A unit sees a patch of kh x kw signs in each of its channels, and one bit says which of the signs
are negative: 9 bits for a 3x3 kernel, so that there are only 512 patches. A table, made when the
network is loaded, holds the responses of the K subset kernels to every patch (see `table`).
At run time the patch's code addresses its row of K bytes, and one permutation of bytes picks from
it the responses that 64 outputs (or as many as a register has bytes) ask for:
    total[o] += row[idx[o, u]].
Units of several channels add the rows of their channels first, so that one permutation serves them
all; where K^2 <= 64, two units (K^3: three, ...) are joined to one in the same way.

*Padding* counts as +1; what that adds is a constant (see `borders`).

*Zeros* inside the image are halfway between +1 and -1, and sums are linear: the sum with zeros as
+1 and the sum with zeros as -1 have the right mean. Chunks of units that have a zero somewhere in
the image are therefore summed twice, all others once and doubled.
"""

from functools import partial

from tvm import relax

from ...ops.operator import PACKED
from ...target import Features
from ..borders import sum_padding, sum_weights
from ..config import config_of
from ..decode import binary_weight
from ..emit import emit_kernel, emit_packing
from ..planes import convolution_of
from ..shapes import shape_of
from .byte_lookup import ByteLookup, byte_lookup
from .core import NAME, LookupCore
from .neon_codes import MOST_ROWS
from .neon_core import NeonLookupCore
from .neon_table import pack_lanes_in_order, pack_shared_rows
from .table import fits, pack_lanes, pack_rows, pack_starts, sharable, sum_parities

__all__ = ["NAME", "cycles", "legalize", "obstacle", "remark", "space"]

_INT16_MAX = 2**15 - 1
_MOST_COLUMNS = 8
"""Weights in a row of a kernel: a code has a bit for each."""


def obstacle(call: relax.Call, features: Features) -> str | None:
    """Return why this strategy cannot compute the call, or None when it can."""
    if call.op.name != "snn.subset_conv2d":
        return f"{call.op.name} has no table of patches"
    lookup = byte_lookup(features)
    if lookup is None:
        return "the target cannot look bytes up in a register"
    if str(call.args[0].ty.dtype) not in (PACKED, "int8"):
        return "activations are not signs"
    kernels, unit, kh, kw = shape_of(call.args[1])
    if kernels > lookup.most_entries:
        return f"a lookup chooses from {lookup.most_entries} kernels, not from {kernels}"
    if kw > _MOST_COLUMNS:
        return f"a row of {kw} weights has too many patterns to tabulate"
    if not fits(lookup, (kernels, unit, kh, kw)):
        kind = "an 8-bit response" if lookup.neon is None else "the half byte of a response"
        return f"a unit of {unit * kh * kw} weights overflows {kind}"
    if lookup.neon is not None and kh > MOST_ROWS:
        return f"a column of {kh} weights is too long to test its bits in a byte"
    weights = shape_of(call.args[2])[1] * unit * kh * kw
    if weights > _INT16_MAX:
        return f"a sum of {weights} products overflows 16 bits"
    return None


def cycles(call: relax.Call, features: Features) -> float:
    """Estimate the cycles of a call from its lookups, codes and results.

    The figures for a single one of these come from measurements of whole layers.
    """
    return _core(call, features).cycles


def remark(call: relax.Call) -> str:
    """Return what one lookup does."""
    _, unit, kh, kw = shape_of(call.args[1])
    return f"a byte looked up adds at least {unit * kh * kw} products"


def space(call: relax.Call, features: Features) -> dict[str, tuple[int, ...]]:
    """Return the knobs of a call.

    They are the pixels that share a byte, the pixels and the vectors of outputs of a tile, of which
    as many pixels are taken as registers hold, and the pixels of a segment, at most.
    """
    lookup, units = _lookup(features), shape_of(call.args[2])[1]
    if lookup.neon is not None:
        return {"pixels": (2, 4), "blocks": (1, 2, 4, 8), "segment": (14, 28, 56)}
    sharing = (1, 2) if sharable(lookup, shape_of(call.args[1]), units) else (1,)
    pixels = (4, 6, 7, 8, 10, 12, 14, 16) if lookup.registers == 32 else (2, 3, 4, 6, 8)
    return {"sharing": sharing, "pixels": pixels, "blocks": (1, 2, 4), "segment": (14, 28, 56)}


def legalize(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit the tables and the packing of indices, then the kernel."""
    data, subset, indices = call.args
    core = _core(call, features)
    table, conv = core.table, core.conv
    weight = binary_weight(bb, call)
    neon = table.lookup.neon is not None
    rows = emit_packing(bb, pack_shared_rows if neon else pack_rows, subset, table=table)
    pack = pack_lanes_in_order if neon else pack_lanes
    lanes = emit_packing(bb, pack, indices, table=table, groups=conv.groups, blocks=core.blocks)
    sums = emit_packing(bb, sum_weights, weight)
    padding = emit_packing(
        bb, sum_padding, sums, conv=conv, filled=core.filled_outputs, padding=1, dtype="uint16"
    )
    parities = emit_packing(bb, sum_parities, weight, table=table)
    starts = emit_packing(bb, pack_starts, padding, parities, conv=conv)
    compute = partial(core.compute, features=features)
    return emit_kernel(bb, NAME, compute, data, rows, lanes, starts)


def _lookup(features: Features) -> ByteLookup:
    lookup = byte_lookup(features)
    assert lookup is not None, "obstacle() has been asked"
    return lookup


def _core(call: relax.Call, features: Features) -> LookupCore:
    subset, (outputs, units) = shape_of(call.args[1]), shape_of(call.args[2])
    conv = convolution_of(call, outputs, (subset[2], subset[3]))
    lookup = _lookup(features)
    if lookup.neon is not None:
        return NeonLookupCore.on(lookup.neon, conv, lookup, subset, units, config_of(call))
    return LookupCore.of(conv, lookup, subset, units, config_of(call))
