"""Find the layers of a network and say of each what it is: sub-bit, binary or dense, and why.

Nothing is changed here; rewrite_layers acts on what is found. Detection is exact: the one
tolerance is for the rounding of straight-through estimators (factor_weight).
"""

from dataclasses import dataclass

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from ..ops import ConvGeometry, static_shape
from ..ops.levels import is_exact
from ..ops.units import index_bits
from .factor_weight import SignedWeight, Subset, factor_signs, find_subset
from .layers import DENSE_OPERATOR, layer_bindings, operator_name, var_bindings
from .level_values import Levels, find_levels
from .sign_values import Bindings, is_sign_valued

SUB_BIT = "sub-bit"
BINARY = "binary"
DENSE = "dense"


@dataclass(frozen=True)
class Layer:
    """One convolution or dense layer of a network, and what was found out about it."""

    name: str
    operator: str
    """Name of the operator in the model, without the dialect: "conv2d", "dense", ..."""
    verdict: str
    """SUB_BIT, BINARY or DENSE."""
    reason: str
    """Why the verdict is what it is, as a sentence for the report."""
    data_shape: tuple[int, ...]
    """Shape of the data, in the layer's own layout."""
    weight_shape: tuple[int, ...]
    """(O, C/groups, kh, kw) for a convolution, (O, I) for a dense layer."""
    output_shape: tuple[int, ...]
    geometry: ConvGeometry | None = None
    """Of a two-dimensional convolution."""
    activation: str = ""
    """"W1A1" when the data are signs, "W1A2" to "W1A8" when they are levels of so many bits,
    "W1A32" when they are floats; "" for a dense layer."""
    levels: Levels | None = None
    """Of the data, where they are levels and no signs."""
    signed: SignedWeight | None = None
    subset: Subset | None = None

    @property
    def tau(self) -> int | None:
        """Bits of an index, for a sub-bit layer."""
        return index_bits(self.subset.size) if self.subset else None

    @property
    def scale(self) -> NDArray[np.float32]:
        """Scale of each output channel (O,), with the sign it has after channels were flipped."""
        assert self.signed is not None, "a dense layer has no scale"
        if self.subset is None:
            return self.signed.scale
        return np.where(self.subset.flipped, -self.signed.scale, self.signed.scale)


def detect_layers(module: tvm.IRModule) -> list[Layer]:
    """Return every conv and dense layer of a cleaned module's `main`, in order of execution.

    A matrix product of two computed tensors (attention, say) is not a layer.
    """
    function = module["main"]
    bindings = {binding.var: binding.value for binding in var_bindings(function)}
    found = [_detect(binding.var, binding.value, bindings) for binding in layer_bindings(function)]
    return [layer for layer in found if layer is not None]


def _detect(var: relax.Var, call: relax.Call, bindings: Bindings) -> Layer | None:
    if operator_name(call) == DENSE_OPERATOR:
        return _detect_matmul(var, call, bindings)
    operator = operator_name(call).removeprefix("relax.nn.")
    return _detect_convolution(var, call, operator, bindings)


def _detect_convolution(
    var: relax.Var, call: relax.Call, operator: str, bindings: Bindings
) -> Layer:
    weight = call.args[1]
    if operator != "conv2d":
        return _dense(var, call, operator, f"{operator} has no binary form; conv2d has")
    if not isinstance(weight, tvm.ir.GenericConst):
        return _dense(var, call, operator, "its weight is computed from the network's input")
    attrs = call.attrs
    layouts = str(attrs.data_layout), str(attrs.out_layout or attrs.data_layout)
    if layouts[0] not in ("NCHW", "NHWC") or layouts[1] != layouts[0]:
        return _dense(
            var, call, operator, f"its layouts are {layouts}; NCHW and NHWC are supported"
        )
    geometry = ConvGeometry.from_attrs(
        {
            "strides": attrs.strides,
            "padding": attrs.padding,
            "dilation": attrs.dilation,
            "groups": attrs.groups,
            "data_layout": layouts[0],
        }
    )
    order = [str(attrs.kernel_layout).index(axis) for axis in "OIHW"]
    return _classify(var, call, operator, weight.value.numpy().transpose(order), geometry, bindings)


def _detect_matmul(var: relax.Var, call: relax.Call, bindings: Bindings) -> Layer | None:
    constant = [isinstance(argument, tvm.ir.GenericConst) for argument in call.args]
    if not any(constant):
        return None
    weight = call.args[1]
    if not constant[1] or len(weight.ty.shape.values) != 2:
        return _dense(var, call, "dense", "its constant is not a weight matrix (I, O) on the right")
    matrix = weight.value.numpy().T[:, :, None, None]
    return _classify(var, call, "dense", matrix, None, bindings)


def _classify(
    var: relax.Var,
    call: relax.Call,
    operator: str,
    weight: NDArray,
    geometry: ConvGeometry | None,
    bindings: Bindings,
) -> Layer:
    """Judge a layer by its weights, brought to (O, C/groups, kh, kw)."""
    shape = weight.shape if geometry else weight.shape[:2]
    dtypes = str(call.args[0].ty.dtype), str(weight.dtype)
    if dtypes != ("float32", "float32"):
        reason = f"its data is {dtypes[0]} and its weight {dtypes[1]}; float32 is expected"
        return _dense(var, call, operator, reason, shape)
    signed = factor_signs(weight)
    if isinstance(signed, str):
        return _dense(var, call, operator, signed, shape)
    found = find_subset(signed.signs)
    subset = found if isinstance(found, Subset) else None
    activation, levels = _activation(call.args[0], signed.signs[0].size, bindings)
    return Layer(
        name=str(var.name),
        operator=operator,
        verdict=SUB_BIT if subset else BINARY,
        reason=(_subset_reason(subset) if subset else str(found)) + _rounding(signed),
        data_shape=_shape(call.args[0]),
        weight_shape=shape,
        output_shape=_shape(var),
        geometry=geometry,
        activation=activation,
        levels=levels,
        signed=signed,
        subset=subset,
    )


def _activation(data: relax.Expr, weights: int, bindings: Bindings) -> tuple[str, Levels | None]:
    """Return what the data of a layer are, `weights` of which are summed up, and their levels."""
    if is_sign_valued(data, bindings):
        return "W1A1", None
    levels = find_levels(data, bindings)
    if levels is None or not is_exact(levels.top, weights):
        return "W1A32", None
    return f"W1A{levels.bits}", levels


def _dense(
    var: relax.Var,
    call: relax.Call,
    operator: str,
    reason: str,
    weight_shape: tuple[int, ...] | None = None,
) -> Layer:
    return Layer(
        name=str(var.name),
        operator=operator,
        verdict=DENSE,
        reason=reason,
        data_shape=_shape(call.args[0]),
        weight_shape=weight_shape if weight_shape is not None else _shape(call.args[1]),
        output_shape=_shape(var),
    )


def _shape(expr: relax.Expr) -> tuple[int, ...]:
    return static_shape(expr.ty) or ()


def _subset_reason(subset: Subset) -> str:
    _, unit, kh, kw = subset.kernels.shape
    channels = "" if unit == 1 else f"{unit} channels x "
    return (
        f"{subset.indices.size:,} units of {channels}{kh}x{kw} use {subset.size} distinct kernels"
    )


def _rounding(signed: SignedWeight) -> str:
    if not signed.deviation:
        return ""
    return f"; straight-through rounding of up to {signed.deviation:.1g} of the scale removed"
