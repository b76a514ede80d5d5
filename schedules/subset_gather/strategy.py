"""Strategy `subset_gather`: each response is computed once, each output picks its own and adds.

For a block of neighbouring pixels and a chunk of units, two steps run in the first-level cache:

1. *responses*: R[u, k] for every unit of the chunk and every subset kernel (see `responses`).
2. *gather*: out[o] += R[u, idx[o, u]] for every output and unit: one vector load and add each.

Integers are added in the narrowest type as long as they cannot overflow (see `elements`). Zeros in
the data (padding, sign(0)) need no care: they are added like everything else. Packed signs are
unpacked first.
"""

from dataclasses import replace

from tvm import relax, te

from ...ops import ConvGeometry
from ...ops.operator import PACKED
from ...target import Features
from ...tvm_api import attrs_dict
from ..config import config_of
from ..emit import emit_kernel, emit_packing
from ..planes import convolution_of
from ..shapes import shape_of
from .core import NAME, GatherCore
from .elements import Elements
from .responses import Responses, known_subset
from .sizes import CHUNKS, VECTORS, GatherSizes

_SORTED_SIGN = 2.1
"""Cycles for a packed sign that goes to the phase of a stride, measured on whole layers."""
_MOST_WRITTEN_OUT = 1024
"""Sums of known kernels that are written out; beyond, the code gets too long."""


def obstacle(call: relax.Call, _features: Features) -> str | None:
    """Return why this strategy cannot compute the call, or None when it can."""
    if call.op.name != "snn.subset_conv2d":
        return f"{call.op.name} has no subset responses over pixels"
    _, unit, kh, kw = shape_of(call.args[1])
    elements = Elements.of(call)
    if not elements.is_float and not elements.longest_chunk(unit * kh * kw):
        bits = 8 * elements.bytes
        return f"a unit of {unit * kh * kw} weights overflows a response of {bits} bits"
    return None


def cycles(call: relax.Call, features: Features) -> float:
    """Estimate the cycles of a call from its vector instructions, and the unpacking of signs."""
    sizes = _sizes(call, features)
    conv = sizes.conv
    if str(call.args[0].ty.dtype) != PACKED or conv.geometry.strides == (1, 1):
        return sizes.cycles()
    signs = conv.batch * conv.groups * conv.channels * conv.height * conv.width
    return sizes.cycles() + _SORTED_SIGN * signs


def space(_call: relax.Call, _features: Features) -> dict[str, tuple[int, ...]]:
    """Return the knobs: vectors of pixels in a block, and units in a chunk."""
    return {"vectors": VECTORS, "chunk": CHUNKS}


def remark(call: relax.Call) -> str:
    """Return what the responses serve."""
    kernels, outputs = shape_of(call.args[1])[0], shape_of(call.args[2])[0]
    groups = ConvGeometry.from_attrs(attrs_dict(call)).groups
    return f"{kernels} responses of an input unit serve {outputs // groups} outputs"


def legalize(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit the packing of indices and subset kernels, then the kernel."""
    data, subset, indices = call.args
    sizes = _sizes(call, features)
    picks = emit_packing(bb, pack_picks, indices, sizes=sizes)
    pieces = emit_packing(bb, pack_pieces, subset, sizes=sizes)
    return emit_kernel(bb, NAME, GatherCore(sizes).compute, data, picks, pieces)


def pack_pieces(subset: te.Tensor, sizes: GatherSizes) -> te.Tensor:
    """Return where the sums of each kernel's pieces lie; see `Responses.pack`."""
    return sizes.responses.pack(subset, sizes.block)


def pack_picks(indices: te.Tensor, sizes: GatherSizes) -> te.Tensor:
    """Return what each output picks, in words; see `Picks.pack`."""
    return sizes.picks.pack(indices, sizes.conv.groups, sizes.filled_outputs, sizes.chunks)


def _sizes(call: relax.Call, features: Features) -> GatherSizes:
    kernels, unit, kh, kw = shape_of(call.args[1])
    conv = convolution_of(call, shape_of(call.args[2])[0], (kh, kw))
    known = known_subset(call)
    responses = Responses(kernels, unit * conv.taps, known)
    if known and kernels * responses.pieces > _MOST_WRITTEN_OUT:
        responses = replace(responses, known=None)
    return GatherSizes(conv, responses, unit, Elements.of(call), features, config_of(call))
