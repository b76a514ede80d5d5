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

ACCUMULATORS = {"int8": "int32", "float32": "float32"}
"""Result dtype for each dtype of the data. int8 data are signs: -1, 0 or +1 (W1A1)."""


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
    call: relax.Call, geometry: ConvGeometry, outputs: int, kernel: tuple[int, int]
) -> relax.TensorType:
    """Return the type of a convolution with `outputs` kernels of kh x kw over argument 0.

    Raises ModelError when the outputs do not divide into groups or the kernel does not fit.
    """
    data, dtype = tensor_argument(call, 0, "data", dims=4, dtypes=tuple(ACCUMULATORS))
    if outputs % geometry.groups:
        raise ModelError(
            f"{call.op.name}: {outputs} outputs do not divide into {geometry.groups} groups."
        )
    n, _, height, width = geometry.nchw(data)
    out_h, out_w = geometry.output_size(height, width, kernel)
    return relax.TensorType(geometry.in_layout(n, outputs, out_h, out_w), ACCUMULATORS[dtype])


def static_shape(ty: relax.TensorType) -> tuple[int, ...] | None:
    """Return the shape of a tensor type as plain numbers, or None when a dimension is symbolic."""
    if ty.shape is None or not isinstance(ty.shape, relax.ShapeExpr):
        return None
    dims = tuple(getattr(dim, "value", None) for dim in ty.shape.values)
    return tuple(int(dim) for dim in dims if dim is not None) if None not in dims else None
