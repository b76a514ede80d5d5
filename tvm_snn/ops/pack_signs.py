"""`snn.pack_signs`: the signs of a channels-last image as bits, 64 channels to a word.

The result has the form of `packed_signs`; every binary convolution takes it in the place of signs.
"""

from typing import Any

from numpy.typing import NDArray
from tvm import relax

from ..errors import ModelError
from ..tvm_api import attrs_dict
from .operator import Operator, tensor_argument
from .packed_signs import PLANES, pack, words_of


def infer_type(call: relax.Call) -> relax.TensorType:
    """Return the type of the result; raises ModelError when the channels make no equal groups."""
    shape, _ = tensor_argument(call, 0, "data", dims=4, dtypes=("float32", "int8"))
    n, height, width, channels = shape
    groups = int(attrs_dict(call)["groups"])
    if groups < 1 or channels % groups:
        raise ModelError(f"{call.op.name}: {channels} channels do not divide into {groups} groups.")
    words = groups * words_of(channels // groups)
    return relax.TensorType((n, PLANES, height, width, words), "uint64")


def reference(data: NDArray, **attrs: Any) -> NDArray:
    """Meaning of the operator in numpy."""
    return pack(data, int(attrs["groups"]))


pack_signs = Operator(
    name="snn.pack_signs",
    doc="The signs of a channels-last image as bits.",
    infer_type=infer_type,
    reference=reference,
).register()
