"""`snn.binary_conv2d`: a convolution whose weights are +1 and -1, each kernel its own.

    out[n,o,y,x] = sum_{c,i,j} W[o,c,i,j] * x[n, c, y*s + i*d - top, x*s + j*d - left]
The scale of an output channel is a multiplication of its own after the operator.
"""

from typing import Any

from numpy.typing import NDArray
from tvm import relax

from ..tvm_api import attrs_dict
from .convolve import convolve
from .geometry import ConvGeometry
from .operator import Operator, convolution_type, tensor_argument


def infer_type(call: relax.Call) -> relax.TensorType:
    """Return the type of the result; raises ModelError when arguments or attributes do not fit."""
    geometry = ConvGeometry.from_attrs(attrs_dict(call))
    weight, _ = tensor_argument(call, 1, "weight", dims=4, dtypes=("int8",))
    outputs, group_channels, kh, kw = weight
    return convolution_type(call, geometry, group_channels * geometry.groups, outputs, (kh, kw))


def reference(data: NDArray, weight: NDArray, **attrs: Any) -> NDArray:
    """Meaning of the operator in numpy: a plain convolution."""
    return convolve(data, weight, ConvGeometry.from_attrs(attrs))


binary_conv2d = Operator(
    name="snn.binary_conv2d",
    doc="Convolution with weights of +1 and -1.",
    infer_type=infer_type,
    reference=reference,
).register()
