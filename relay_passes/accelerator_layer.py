"""Can the accelerator compute a layer, and as what? One binary or sub-bit convolution at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm import relax

from ..errors import TargetError
from ..ops import LAYERS, ConvGeometry, static_shape
from ..ops.levels import LEVELS, top_level
from ..ops.units import codes_from_signs, index_bits
from ..target.vta.codegen.layer import Layer
from ..target.vta.codegen.plan import plan
from ..target.vta.configuration import Configuration
from ..target.vta.isa.instruction_set import Plane, Window
from ..tvm_api import attrs_dict
from .layers import operator_name

_BINARY_TAU = 9
"""Bits of a whole 3x3 kernel."""
_COLUMN = 8
"""Channels of a unit of a 1x1 convolution."""


def accelerator_layer(name: str, call: relax.Call, hardware: Configuration) -> Layer | str:
    """Return what the accelerator would compute for a call of our operators, or why it cannot.

    The layer returns its sums and takes its image from outside. The call's weights are constants,
    its data are signs (int8), levels (uint8) or float32.
    """
    kind = operator_name(call)
    if kind not in LAYERS or not kind.endswith("conv2d"):
        return "it is a dense layer; the accelerator computes convolutions"
    geometry = ConvGeometry.from_attrs(attrs_dict(call))
    reason = _data_reason(call, hardware) or _geometry_reason(geometry)
    if reason is not None:
        return reason
    weights = [argument.value.numpy() for argument in call.args[1:]]
    kernel = weights[0].shape[2:]
    coded = _binary(weights[0]) if len(weights) == 1 else _coded(weights[0], weights[1], hardware)
    if isinstance(coded, str):
        return coded
    if kernel == (1, 1) and any(geometry.padding):
        return "it is a padded 1x1 convolution; the accelerator pads 3x3 ones"
    _, _, height, width = geometry.nchw(static_shape(call.args[0].ty) or ())
    try:
        layer = Layer(
            name=name,
            height=height,
            width=width,
            stride=geometry.strides[0],
            padding=geometry.padding,
            window=Window.COLUMN if kernel == (1, 1) else Window.SQUARE,
            plane=Plane.ACCUMULATOR,
            **coded,
        )
        plan([layer], hardware)
    except TargetError as error:
        return str(error)
    return layer


def reads_levels(call: relax.Call) -> bool:
    """Tell whether a call's data are unsigned k-bit activations."""
    return str(call.args[0].ty.dtype) == LEVELS


def _data_reason(call: relax.Call, hardware: Configuration) -> str | None:
    """Return what of a call's activations the accelerator has no numbers for.

    Levels are small integers to it, as signs are.
    """
    largest = (1 << (hardware.activation_bits - 1)) - 1
    if reads_levels(call):
        top = top_level(attrs_dict(call))
        if top <= largest:
            return None
        return f"its activations are levels up to {top}; the accelerator's go up to {largest}"
    dtype = str(call.args[0].ty.dtype)
    if dtype == "int8":
        return None
    kind = "floats (W1A32)" if dtype == "float32" else dtype
    return f"its activations are {kind}; the accelerator takes signs, and levels up to {largest}"


def _geometry_reason(geometry: ConvGeometry) -> str | None:
    """Return what of a convolution's geometry the accelerator does not have."""
    for present, reason in (
        (geometry.groups != 1, f"it has {geometry.groups} groups"),
        (geometry.dilation != (1, 1), f"its dilation is {geometry.dilation}"),
        (
            geometry.strides not in ((1, 1), (2, 2)),
            f"its strides are {geometry.strides}; the accelerator has 1 and 2, the same both ways",
        ),
        (geometry.data_layout != "NHWC", f"its layout is {geometry.data_layout}"),
    ):
        if present:
            return reason
    return None


def _binary(weight: NDArray[np.int8]) -> dict[str, Any] | str:
    """Return the fields of a plain binary 3x3 convolution: each index is a kernel itself."""
    if weight.shape[2:] != (3, 3):
        return f"its weights are binary and {weight.shape[2]}x{weight.shape[3]}; 3x3 are supported"
    codes = codes_from_signs(weight[:, :, None]).astype(np.int64)
    return {"indices": codes, "tau": _BINARY_TAU, "subset": None, "binary": True}


def _coded(
    subset: NDArray[np.int8], indices: NDArray[np.uint8], hardware: Configuration
) -> dict[str, Any] | str:
    """Return the fields of a sub-bit layer: its subset as 9-bit codes, and its indices."""
    kernels, unit, kh, kw = subset.shape
    if (kh, kw, unit) == (1, 1, _COLUMN):
        parts = codes_from_signs(subset)[None]
    elif (kh, kw) == (3, 3) and unit in (1, 2):
        parts = np.stack([codes_from_signs(subset[:, [part]]) for part in range(unit)])
    else:
        return (
            f"its units are {unit} channels x {kh}x{kw}; the accelerator has 1 or 2 channels of "
            "3x3 and 8 of 1x1"
        )
    plain = {
        "indices": indices.astype(np.int64),
        "tau": max(1, index_bits(kernels)),
        "subset": parts.astype(np.int64),
    }
    paired = _up_to_sign(subset, indices)
    halved = len(paired["kept"]) * 2 <= kernels
    # Half the responses, and a bit of the index says whether to negate.
    if halved or kernels > hardware.responses:
        codes = parts[:, paired["kept"]].astype(np.int64)
        low = max(1, index_bits(len(paired["kept"])))
        signed = paired["indices"] | paired["negative"].astype(np.int64) << low
        folded = {"indices": signed, "tau": low + 1, "subset": codes, "negation": True}
        if halved or len(paired["kept"]) <= hardware.responses:
            return folded
    return plain


def _up_to_sign(subset: NDArray[np.int8], indices: NDArray[np.uint8]) -> dict[str, NDArray]:
    """Return which kernels are left when opposite ones are one, and the indices into these."""
    flat = subset.reshape(len(subset), -1)
    canonical = flat * flat[:, :1]
    _, kept, place = np.unique(canonical, axis=0, return_index=True, return_inverse=True)
    # The first of opposite kernels stands for both.
    negative = (flat != flat[kept][place]).any(axis=1)
    return {
        "kept": kept,
        "indices": place.reshape(-1)[indices].astype(np.int64),
        "negative": negative[indices],
    }
