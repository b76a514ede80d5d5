"""Convolution in float32: for float layers, and for binary weights where nothing else is faster.

Strategy `decoded_dense` decodes binary weights to +1.0 and -1.0 when a network is loaded and then
does what a float layer does; sums of signs are exact in float32 and come out as integers.
"""

from collections.abc import Mapping
from math import prod

import tvm
from tvm import relax, te

from ...ops import ConvGeometry, static_shape
from ...target import Features
from ..config import config_of
from ..decode import DENSE_OPERATORS, binary_weight, weight_shape
from ..emit import emit_kernel, emit_packing
from ..neon import neon_of
from ..planes import Convolution, convolution, convolution_of
from ..shapes import shape_of
from .blocking import FLOAT_BYTES, KNOBS, blocking_of
from .depthwise import DepthwiseConvolution, is_depthwise, pack_taps
from .direct_conv import KERNEL_LAYOUTS, DirectConvolution, pack_blocks
from .filtered_conv import FilteredConvolution, filtering_of, pack_filtered
from .float_image import padded_image, write_result
from .matmul import emit_product

NAME = "decoded_dense"
_NEON_PRODUCT = 1.9
"""Cycles on ARM for one elsewhere: a Cortex-A72 multiplies a vector of floats a cycle, not two."""
_NARROW_PRODUCT = 7.0
"""The same on 32-bit ARM, where it is instructions that are counted, as on the Cortex-A9."""


def obstacle(_call: relax.Call, _features: Features) -> str | None:
    """Return why this strategy cannot compute the call, or None: it computes all of them."""
    return None


def cycles(call: relax.Call, features: Features) -> float:
    """Estimate the cycles of a call, two vectors of products in each at best."""
    shape = weight_shape(call)
    lanes = features.vector_bytes / FLOAT_BYTES
    if call.op.name in DENSE_OPERATORS:
        return prod(shape_of(call.args[0])[:-1]) * prod(shape) / lanes
    conv = _convolution(call)
    if is_depthwise(conv):
        return conv.batch * prod(conv.output_size) * prod(shape) / lanes
    blocking = blocking_of(conv, features, config_of(call))
    steps: float = conv.taps * conv.channels * conv.groups
    neon = neon_of(features)
    if neon is not None:
        steps *= _NEON_PRODUCT if neon.wide else _NARROW_PRODUCT
    return conv.batch * blocking.tiles * blocking.blocks * steps * blocking.tile.cycles


def remark(_call: relax.Call) -> str:
    """Return what the strategy does."""
    return "weights are decoded to float when the network is loaded"


def space(call: relax.Call, _features: Features) -> dict[str, tuple[int, ...]]:
    """Return the knobs of a call and their values; dense and depthwise layers have none."""
    if call.op.name in DENSE_OPERATORS or is_depthwise(_convolution(call)):
        return {}
    return KNOBS


def legalize(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit the decoding and packing of the weights, then the kernel."""
    weight = binary_weight(bb, call)
    if call.op.name in DENSE_OPERATORS:
        return emit_product(bb, NAME, call.args[0], weight, "OI", features)
    conv = _convolution(call)
    return _emit(bb, NAME, conv, call.args[0], weight, "OIHW", features, config_of(call))


def legalize_conv2d(bb: relax.BlockBuilder, call: relax.Call, features: Features) -> relax.Expr:
    """Emit a float convolution, `relax.nn.conv2d`; other forms than these are left to TVM.

    Covered are float32, static shapes, NCHW or NHWC, and weights in any of KERNEL_LAYOUTS.
    """
    attrs = call.attrs
    data, weight = call.args
    layout = str(attrs.kernel_layout)
    covered = (
        attrs.data_layout in ("NCHW", "NHWC")
        and attrs.out_layout == attrs.data_layout
        and layout in KERNEL_LAYOUTS
        and attrs.out_dtype in (None, "", "float32")
        and all(
            str(argument.ty.dtype) == "float32" and static_shape(argument.ty) is not None
            for argument in (data, weight)
        )
    )
    if not covered:
        return tvm.ir.Op.get("relax.nn.conv2d").get_attr("FLegalize")(bb, call)
    geometry = ConvGeometry.from_attrs(
        {
            "strides": attrs.strides,
            "padding": attrs.padding,
            "dilation": attrs.dilation,
            "groups": attrs.groups,
            "data_layout": attrs.data_layout,
        }
    )
    size = dict(zip(layout, shape_of(weight), strict=True))
    image = geometry.nchw(shape_of(data))
    conv = convolution(image, size["O"], (size["H"], size["W"]), geometry)
    filtered = None if is_depthwise(conv) else filtering_of(conv, features)
    if filtered is None:
        return _emit(bb, "conv2d", conv, data, weight, layout, features, {})
    packed = emit_packing(bb, pack_filtered, weight, layout=layout, sizes=filtered)

    def compute(data: te.Tensor, weights: te.Tensor) -> te.Tensor:
        image = padded_image(data, conv, size=(filtered.rows, filtered.columns))
        result = FilteredConvolution(filtered).compute("conv2d", image, weights)
        return write_result(result, conv, "float32")

    return emit_kernel(bb, "conv2d", compute, data, packed)


def _convolution(call: relax.Call) -> Convolution:
    outputs, _, kh, kw = weight_shape(call)
    return convolution_of(call, outputs, (kh, kw))


def _emit(
    bb: relax.BlockBuilder,
    name: str,
    conv: Convolution,
    data: relax.Expr,
    weight: relax.Expr,
    layout: str,
    features: Features,
    config: Mapping[str, int],
) -> relax.Expr:
    dtype = "float32" if str(data.ty.dtype) == "float32" else "int32"
    core: DepthwiseConvolution | DirectConvolution
    if is_depthwise(conv):
        core = DepthwiseConvolution(conv, features)
        packed = emit_packing(bb, pack_taps, weight, layout=layout)
        repeat = conv.outputs
    else:
        blocking = blocking_of(conv, features, config)
        core = DirectConvolution(conv, blocking)
        packed = emit_packing(
            bb, pack_blocks, weight, layout=layout, groups=conv.groups, block=blocking.block
        )
        repeat = 1

    def compute(data: te.Tensor, weights: te.Tensor) -> te.Tensor:
        result = core.compute(name, padded_image(data, conv, repeat), weights)
        return write_result(result, conv, dtype)

    return emit_kernel(bb, name, compute, data, packed)
