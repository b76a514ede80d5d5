"""Which values of a network are computed for each image of a batch on its own?

A value does if its first axis is the batch's and no operator on the way mixes images. Whatever is
not known to keep them apart counts as mixing them.
"""

from collections.abc import Callable

import tvm
from tvm import relax
from tvm.relax.analysis import free_vars

from ..ops import LAYERS, static_shape
from .channels_last import ELEMENTWISE
from .layers import operator_name, var_bindings


def image_values(function: relax.Function) -> tuple[int, dict[relax.Expr, bool]]:
    """Return the batch's size, and of all values that depend on it whether images are kept apart.

    The batch is the first axis of the first input; inputs are the first `num_input` parameters, or
    all of them. The size is 0 where there is no such axis.
    """
    count = int((function.attrs or {}).get("num_input", len(function.params)))
    inputs = function.params[:count]
    batch = _leading(inputs[0]) if inputs else 0
    apart: dict[relax.Expr, bool] = {param: True for param in inputs if _leading(param) == batch}
    for binding in var_bindings(function):
        if any(value in apart for value in free_vars(binding.value)):
            apart[binding.var] = _keeps_apart(binding.value, batch, apart)
    return batch, apart


def _leading(expr: relax.Expr) -> int:
    shape = _shape(expr)
    return shape[0] if shape else 0


def _shape(expr: relax.Expr) -> tuple[int, ...] | None:
    return static_shape(expr.ty) if isinstance(expr.ty, relax.TensorType) else None


def _keeps_apart(value: relax.Expr, batch: int, apart: dict[relax.Expr, bool]) -> bool:
    rule = _RULES.get(operator_name(value))
    if rule is None or _leading(value) != batch:
        return False
    read = [apart.get(var) for var in free_vars(value)]
    return False not in read and rule(value, lambda expr: apart.get(expr, False))


_IsImages = Callable[[relax.Expr], bool]
_Rule = Callable[[relax.Call, _IsImages], bool]


def _elementwise(call: relax.Call, is_images: _IsImages) -> bool:
    """Every operand has the images in the same place, or one value for all of them."""
    dims = len(static_shape(call.ty) or ())

    def fits(operand: relax.Expr) -> bool:
        shape = _shape(operand)
        if is_images(operand):
            return shape is not None and len(shape) == dims
        return shape is None or len(shape) < dims or shape[0] == 1

    return all(map(fits, call.args))


def _first_operand(call: relax.Call, is_images: _IsImages) -> bool:
    return is_images(call.args[0]) and not any(map(is_images, call.args[1:]))


def _image_layout(call: relax.Call, is_images: _IsImages) -> bool:
    layouts = (call.attrs.data_layout, call.attrs.out_layout)
    return _first_operand(call, is_images) and all(str(name)[:1] == "N" for name in layouts)


def _pooling(call: relax.Call, is_images: _IsImages) -> bool:
    return is_images(call.args[0]) and str(call.attrs.layout)[:1] == "N"


def _matmul(call: relax.Call, is_images: _IsImages) -> bool:
    shapes = [_shape(argument) or () for argument in call.args]
    return _first_operand(call, is_images) and len(shapes[0]) >= 2 >= len(shapes[1])


def _reduction(call: relax.Call, _is_images: _IsImages) -> bool:
    dims, axes = len(_shape(call.args[0]) or ()), call.attrs.axis
    return axes is not None and all(int(axis) % dims != 0 for axis in axes)


def _permute_dims(call: relax.Call, _is_images: _IsImages) -> bool:
    dims, axes = len(_shape(call.args[0]) or ()), call.attrs.axes
    return axes is not None and int(axes[0]) % dims == 0


def _one_axis(call: relax.Call, is_images: _IsImages) -> bool:
    parts = call.args[0].fields if isinstance(call.args[0], relax.Tuple) else [call.args[0]]
    axis, dims = call.attrs.axis, len(static_shape(call.ty) or ())
    return axis is not None and int(axis) % dims != 0 and all(map(is_images, parts))


def _strided_slice(call: relax.Call, _is_images: _IsImages) -> bool:
    dims = len(_shape(call.args[0]) or ())
    return all(int(axis.value) % dims != 0 for axis in call.args[1].fields)


def _take(call: relax.Call, is_images: _IsImages) -> bool:
    return isinstance(call.args[1], tvm.ir.GenericConst) and _one_axis(call, is_images)


def _pad(call: relax.Call, _is_images: _IsImages) -> bool:
    return [int(width) for width in call.attrs.pad_width[:2]] == [0, 0]


def _reshape(_call: relax.Call, _is_images: _IsImages) -> bool:
    """The first axis is the batch's before and after: the elements of an image stay together."""
    return True


_RULES: dict[str, _Rule] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(LAYERS, _first_operand),
    **dict.fromkeys((f"relax.{name}" for name in ("max", "mean", "min", "sum")), _reduction),
    **dict.fromkeys(
        (f"relax.nn.{name}2d" for name in ("avg_pool", "max_pool", "adaptive_avg_pool")), _pooling
    ),
    "relax.concat": _one_axis,
    "relax.matmul": _matmul,
    "relax.nn.conv2d": _image_layout,
    "relax.nn.pad": _pad,
    "relax.nn.softmax": _one_axis,
    "relax.permute_dims": _permute_dims,
    "relax.reshape": _reshape,
    "relax.strided_slice": _strided_slice,
    "relax.take": _take,
    "snn.pack_signs": _first_operand,
}
"""When each operator that may keep images apart does so."""
