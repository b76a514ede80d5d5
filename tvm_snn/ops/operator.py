"""What an operator of this project is: a name, a meaning in numpy, and a shape rule."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tvm
from numpy.typing import NDArray
from tvm import relax

from ..errors import ModelError
from ..tvm_api import attrs_dict, make_attrs, register_op
from .geometry import ConvGeometry
from .levels import LEVELS, check_levels
from .packed_signs import PLANES, words_of

ACCUMULATORS = {"int8": "int32", LEVELS: "int32", "float32": "float32"}
"""Result dtype for each dtype of the data. int8 data are signs: -1, 0 or +1 (W1A1), uint8 data are
levels (W1Ak)."""
PACKED = "uint64"
"""Dtype of data that are packed signs."""


@dataclass(frozen=True)
class Operator:
    """One operator, known to Relax under `name` once :meth:`register` has run."""

    name: str
    doc: str
    infer_type: Callable[[relax.Call], relax.TensorType]
    """Type of the result; raises ModelError when arguments or attributes do not fit."""
    reference: Callable[..., NDArray]
    """Meaning in numpy: arrays in the order of the arguments, attributes by keyword."""

    def register(self) -> "Operator":
        """Make the operator known to Relax and return it."""
        register_op(self.name, self.doc)
        tvm.ir.register_op_attr(
            self.name, "FInferType", lambda call, _builder: self.infer_type(call)
        )
        tvm.ir.register_op_attr(self.name, "FPurity", True)
        return self

    def __call__(self, *arguments: relax.Expr, **attrs: Any) -> relax.Call:
        """Return a call of the operator."""
        return relax.Call(tvm.ir.Op.get(self.name), list(arguments), make_attrs(**attrs))


def with_strategy(call: relax.Call, strategy: str) -> relax.Call:
    """Return the call of one of our operators with its attribute `strategy` set."""
    attrs = attrs_dict(call) | {"strategy": strategy}
    return relax.Call(call.op, call.args, make_attrs(**attrs))


def tensor_argument(
    call: relax.Call, position: int, name: str, *, dims: int | None, dtypes: tuple[str, ...]
) -> tuple[tuple[int, ...], str]:
    """Return static shape and dtype of an argument; raises ModelError when they do not fit.

    `dims` is the expected number of dimensions, or None when any number of them will do.
    """
    where = f"{call.op.name}: argument {name!r}"
    ty = call.args[position].ty
    if not isinstance(ty, relax.TensorType) or ty.shape is None:
        raise ModelError(f"{where} has type {ty}; a tensor of known shape is expected.")
    dtype = str(ty.dtype)
    if dtype not in dtypes:
        raise ModelError(f"{where} has dtype {dtype}; expected is {' or '.join(dtypes)}.")
    shape = static_shape(ty)
    if shape is None:
        raise ModelError(f"{where} has the shape {ty.shape}; shapes must be static.")
    if dims is not None and len(shape) != dims:
        raise ModelError(f"{where} has shape {shape}; {dims} dimensions are expected.")
    return shape, dtype


def convolution_type(
    call: relax.Call, geometry: ConvGeometry, channels: int, outputs: int, kernel: tuple[int, int]
) -> relax.TensorType:
    """Return the type of a convolution of argument 0 with `outputs` kernels of kh x kw.

    `channels` are the input channels of all groups that the kernels are made for. Raises
    ModelError when the data has others, when the outputs do not divide into groups, or when the
    kernel does not fit.
    """
    n, found, height, width = image_size(call, geometry, channels)
    if found != channels:
        raise ModelError(
            f"{call.op.name}: the weights, in {geometry.groups} groups, need {channels} input "
            f"channels, but the data has {found}."
        )
    if outputs % geometry.groups:
        raise ModelError(
            f"{call.op.name}: {outputs} outputs do not divide into {geometry.groups} groups."
        )
    check_levels(call, channels // geometry.groups, *kernel)
    out_h, out_w = geometry.output_size(height, width, kernel)
    dtype = ACCUMULATORS.get(str(call.args[0].ty.dtype), "int32")
    return relax.TensorType(geometry.in_layout(n, outputs, out_h, out_w), dtype)


def image_size(
    call: relax.Call, geometry: ConvGeometry, channels: int
) -> tuple[int, int, int, int]:
    """Return (batch, channels, height, width) of a convolution's data, packed or not.

    Words do not tell how many channels they hold: it is `channels`, which the weights need, where
    the number of words fits. Raises ModelError when it does not, or when the data is no image.
    """
    if str(call.args[0].ty.dtype) != PACKED:
        data, _ = tensor_argument(call, 0, "data", dims=4, dtypes=(*ACCUMULATORS, PACKED))
        return geometry.nchw(data)
    (n, planes, height, width, words), _ = tensor_argument(
        call, 0, "data", dims=5, dtypes=(PACKED,)
    )
    needed = geometry.groups * words_of(channels // geometry.groups)
    if planes != PLANES or words != needed:
        raise ModelError(
            f"{call.op.name}: packed signs have {planes} planes of {words} words a pixel; "
            f"{PLANES} planes of {needed} words are expected for {channels} channels in "
            f"{geometry.groups} groups."
        )
    if geometry.data_layout != "NHWC":
        raise ModelError(
            f"{call.op.name}: packed signs are channels-last, but the data layout is "
            f"{geometry.data_layout}; 'NHWC' is expected."
        )
    return n, channels, height, width


def static_shape(ty: relax.TensorType) -> tuple[int, ...] | None:
    """Return the shape of a tensor type as plain numbers, or None when a dimension is symbolic."""
    if ty.shape is None or not isinstance(ty.shape, relax.ShapeExpr):
        return None
    dims = tuple(getattr(dim, "value", None) for dim in ty.shape.values)
    return tuple(int(dim) for dim in dims if dim is not None) if None not in dims else None
