"""`snn.subset_dense`: a dense layer whose units of g inputs come from a subset.

    out[..., o] = sum_u sum_q P[idx[o,u], q] * x[..., u*g + q]
The paper's bottleneck extension (g = 8) applied to a dense layer. The scale of an output is a
multiplication of its own after the operator.
"""

from typing import Any

from numpy.typing import NDArray
from tvm import relax

from ..errors import ModelError
from .convolve import multiply
from .levels import check_levels
from .operator import ACCUMULATORS, Operator, tensor_argument
from .units import join_units


def infer_type(call: relax.Call) -> relax.TensorType:
    """Return the type of the result; raises ModelError when arguments do not fit."""
    data, dtype = tensor_argument(call, 0, "data", dims=None, dtypes=tuple(ACCUMULATORS))
    subset, _ = tensor_argument(call, 1, "subset", dims=4, dtypes=("int8",))
    indices, _ = tensor_argument(call, 2, "indices", dims=2, dtypes=("uint8",))
    outputs, units = indices
    if subset[0] < 1 or subset[2:] != (1, 1):
        raise ModelError(
            f"{call.op.name}: the subset has shape {subset}; (K, g, 1, 1) is expected."
        )
    if not data or units * subset[1] != data[-1]:
        raise ModelError(
            f"{call.op.name}: {units} units of {subset[1]} inputs do not fit data of shape {data}."
        )
    check_levels(call, data[-1])
    return relax.TensorType((*data[:-1], outputs), ACCUMULATORS[dtype])


def reference(data: NDArray, subset: NDArray, indices: NDArray, **_attrs: Any) -> NDArray:
    """Meaning of the operator in numpy: a matrix product with the units put together again."""
    return multiply(data, join_units(subset, indices)[:, :, 0, 0])


subset_dense = Operator(
    name="snn.subset_dense",
    doc="Dense layer by subset response and index gather.",
    infer_type=infer_type,
    reference=reference,
).register()
