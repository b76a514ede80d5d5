"""`snn.binary_dense`: a dense layer whose weights are +1 and -1.

    out[..., o] = sum_i W[o,i] * x[..., i]
The scale of an output is a multiplication of its own after the operator.
"""

from typing import Any

from numpy.typing import NDArray
from tvm import relax

from ..errors import ModelError
from .convolve import multiply
from .levels import check_levels
from .operator import ACCUMULATORS, Operator, tensor_argument


def infer_type(call: relax.Call) -> relax.TensorType:
    """Return the type of the result; raises ModelError when arguments do not fit."""
    data, dtype = tensor_argument(call, 0, "data", dims=None, dtypes=tuple(ACCUMULATORS))
    weight, _ = tensor_argument(call, 1, "weight", dims=2, dtypes=("int8",))
    if not data or weight[1] != data[-1]:
        raise ModelError(
            f"{call.op.name}: weights of shape {weight} do not fit data of shape {data}."
        )
    check_levels(call, weight[1])
    return relax.TensorType((*data[:-1], weight[0]), ACCUMULATORS[dtype])


def reference(data: NDArray, weight: NDArray, **_attrs: Any) -> NDArray:
    """Meaning of the operator in numpy: a matrix product."""
    return multiply(data, weight)


binary_dense = Operator(
    name="snn.binary_dense",
    doc="Dense layer with weights of +1 and -1.",
    infer_type=infer_type,
    reference=reference,
).register()
