"""`snn.subset_conv2d`: a convolution whose units come from a subset, stored as indices into it.

With R[n,u,k] the response of unit u's input channels to subset kernel k,
    R[n,u,k,y,x] = sum_{q,i,j} P[k,q,i,j] * x[n, u*g + q, y*s + i*d - top, x*s + j*d - left]
    out[n,o,y,x] = sum_u R[n, u, idx[o,u], y, x]
(Wang et al., ICCV 2021; g = 1 there). The scale of an output channel is a multiplication of its
own after the operator, so that it fuses with whatever else follows.
"""

from typing import Any

from numpy.typing import NDArray
from tvm import relax

from ..errors import ModelError
from ..tvm_api import attrs_dict
from .convolve import convolve
from .geometry import ConvGeometry
from .operator import Operator, convolution_type, tensor_argument
from .units import join_units


def infer_type(call: relax.Call) -> relax.TensorType:
    """Return the type of the result; raises ModelError when arguments or attributes do not fit."""
    geometry = ConvGeometry.from_attrs(attrs_dict(call))
    subset, _ = tensor_argument(call, 1, "subset", dims=4, dtypes=("int8",))
    indices, _ = tensor_argument(call, 2, "indices", dims=2, dtypes=("uint8",))
    outputs, units = indices
    kernels, unit, kh, kw = subset
    if kernels < 1:
        raise ModelError(f"{call.op.name}: the subset is empty.")
    return convolution_type(call, geometry, units * unit * geometry.groups, outputs, (kh, kw))


def reference(data: NDArray, subset: NDArray, indices: NDArray, **attrs: Any) -> NDArray:
    """Meaning of the operator in numpy: the convolution with the kernels put together again."""
    return convolve(data, join_units(subset, indices), ConvGeometry.from_attrs(attrs))


subset_conv2d = Operator(
    name="snn.subset_conv2d",
    doc="Convolution by subset response and index gather.",
    infer_type=infer_type,
    reference=reference,
).register()
