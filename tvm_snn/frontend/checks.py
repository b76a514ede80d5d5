"""What every imported module must fulfil, whichever frontend it came from."""

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from ..errors import ModelError, UnsupportedOperatorError
from ..ops import static_shape
from ..relay_passes.layers import layer_bindings, operator_name, var_bindings

INPUT_DTYPES = ("float32", "int8", "uint8", "int16", "int32", "int64", "bool")
"""Dtypes an input may have. Other floats are refused: networks compute in float32."""


def check_finite(name: str, array: NDArray, *, infinities: bool = False) -> None:
    """Raise ModelError when a weight holds a NaN, or an infinity unless they are allowed."""
    wrong = np.isnan(array) if infinities else ~np.isfinite(array)
    if not wrong.any():
        return
    where = np.argwhere(wrong)[0].tolist()
    raise ModelError(
        f"Weight {name!r} is not finite: {array[tuple(where)]} at {where}. Training has diverged, "
        "or the file is corrupt: export the model again from a good checkpoint."
    )


def check_module(module: tvm.IRModule) -> None:
    """Raise ModelError unless the module follows the conventions of an imported model.

    One function `main` without control flow, whose parameters are tensors of static shape; every
    value in it has a static shape; layers are float32 with finite weights.
    """
    if "main" not in [str(variable.name_hint) for variable in module.get_global_vars()]:
        raise ModelError("The module has no function 'main': name the network's function so.")
    function = module["main"]
    if not isinstance(function, relax.Function):
        raise ModelError("'main' of the module is no Relax function: import the model anew.")
    for parameter in function.params:
        _check_parameter(parameter)
    for binding in var_bindings(function):
        _check_value(binding)
    for binding in layer_bindings(function):
        _check_layer(binding)
    _check_result(function.ret_ty)


def _check_parameter(parameter: relax.Var) -> None:
    name, ty = parameter.name, parameter.ty
    if not isinstance(ty, relax.TensorType):
        raise ModelError(f"Input {name!r} is no tensor but {ty}: pass tensors one by one.")
    if static_shape(ty) is None:
        raise ModelError(
            f"Input {name!r} has the dynamic shape {ty.shape}. Compiled networks have fixed "
            "shapes: pass example_inputs of the shape wanted, or export with static shapes."
        )
    if str(ty.dtype) not in INPUT_DTYPES:
        raise ModelError(
            f"Input {name!r} is {ty.dtype}; float32 is expected (or an integer type that the "
            "model itself casts). Convert the model to float32 and export it again."
        )


def _check_result(ty: tvm.ir.Type) -> None:
    fields = list(ty.fields) if isinstance(ty, relax.TupleType) else [ty]
    for number, field in enumerate(fields):
        if not isinstance(field, relax.TensorType):
            raise ModelError(
                f"Output {number} is no tensor but {field}: return a tensor, or one tuple of "
                "tensors."
            )


def _check_value(binding: relax.VarBinding) -> None:
    value = binding.value
    if isinstance(value, relax.If):
        raise UnsupportedOperatorError(
            f"{binding.var.name!r} is a branch that depends on values (If); compiled networks "
            "have none: export the branch that is wanted."
        )
    if operator_name(value).startswith("relax.call_tir"):
        kernel = value.args[0].name_hint
        raise UnsupportedOperatorError(
            f"{binding.var.name!r} calls the kernel {kernel!r}, which has no Relax operator: a "
            "network must consist of operators. Replace it in the model."
        )
    if isinstance(value.ty, relax.TensorType) and static_shape(value.ty) is None:
        raise ModelError(
            f"The shape of {binding.var.name!r} ({operator_name(value)}) depends on values or on "
            f"a symbolic dimension: {value.ty}. Compiled networks have fixed shapes."
        )


def _check_layer(binding: relax.VarBinding) -> None:
    name = binding.var.name
    for argument in binding.value.args[:2]:
        dtype = str(argument.ty.dtype)
        if dtype in ("float16", "bfloat16", "float64"):
            raise ModelError(
                f"Layer {name!r} computes in {dtype}; float32 is expected. Convert the model "
                "(model.float()) and export it again."
            )
        if isinstance(argument, tvm.ir.GenericConst) and dtype == "float32":
            check_finite(f"{name}.weight", argument.value.numpy())
