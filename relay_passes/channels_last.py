"""Turn the images of a network channels-last: (N, C, H, W) becomes (N, H, W, C).

Kernels then read and write the channels of a pixel side by side: sums leave a binary layer in the
order in which they arise, scale and BatchNorm are vectors, and the signs of 64 channels make a
word. What cannot be turned reads its images through `permute_dims`, as do inputs and outputs.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..ops import LAYERS, static_shape
from ..tvm_api import attrs_dict, make_attrs
from .layers import operator_name
from .mutation import emit_named, mutate_main
from .shrink_broadcasts import BROADCASTING

TO_LAST = (0, 2, 3, 1)
"""For each axis of a channels-last image, the axis that it is in a channels-first one."""
TO_FIRST = (0, 3, 1, 2)
"""The inverse."""

_UNARY = frozenset(
    f"relax.{name}"
    for name in (
        "abs",
        "astype",
        "ceil",
        "clip",
        "cos",
        "erf",
        "exp",
        "floor",
        "isfinite",
        "isinf",
        "isnan",
        "log",
        "logical_not",
        "negative",
        "nn.gelu",
        "nn.gelu_tanh",
        "nn.leakyrelu",
        "nn.relu",
        "nn.relu6",
        "nn.selu",
        "nn.silu",
        "nn.softplus",
        "round",
        "rsqrt",
        "sigmoid",
        "sign",
        "sin",
        "sqrt",
        "square",
        "tanh",
        "trunc",
    )
)
ELEMENTWISE = _UNARY | BROADCASTING
"""Operators that compute each element from those in its place."""
_REDUCTIONS = frozenset(f"relax.{name}" for name in ("max", "mean", "min", "prod", "sum"))
_WINDOWS = frozenset(f"relax.nn.{name}" for name in ("avg_pool2d", "max_pool2d"))


@tvm.transform.module_pass(opt_level=0, name="ChannelsLast")
class ChannelsLast:
    """Rewrite `main`: every 2-D convolution, and what lies between convolutions.

    Inputs and outputs of the network keep their layout; layers keep their names.
    """

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return mutate_main(module, _Turner(module))


@mutator
class _Turner(PyExprMutator):
    """Knows each image of the old function in one layout or both, and turns it when asked."""

    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        self._last: dict[relax.Expr, relax.Var] = {}
        self._first: dict[relax.Expr, relax.Var] = {}
        self._constants: dict[tvm.ir.GenericConst, relax.Expr] = {}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        value = binding.value
        if isinstance(binding.var, relax.DataflowVar) and self._is_turn(binding.var, value):
            return
        turned = self._turned(value) if isinstance(value, relax.Call) else None
        if turned is None:
            super().visit_var_binding_(binding)
            return
        name, kind = str(binding.var.name), type(binding.var)
        if static_shape(turned.ty) == static_shape(binding.var.ty) and not _is_image(binding.var):
            self.set_var_remap(binding.var, emit_named(self.builder_, name, turned, kind))
            return
        image = emit_named(self.builder_, name, turned)
        self._last[binding.var] = image
        if kind is not relax.DataflowVar:
            back = relax.op.permute_dims(image, TO_FIRST)
            var = emit_named(self.builder_, "permute_dims", back, kind)
            self.set_var_remap(binding.var, var)

    def visit_var_(self, var: relax.Var) -> relax.Expr:
        return self._channels_first(var)

    def visit_dataflow_var_(self, var: relax.DataflowVar) -> relax.Expr:
        return self._channels_first(var)

    def has_last(self, expr: relax.Expr) -> bool:
        """Tell whether an image of the old function is at hand channels-last."""
        return expr in self._last

    def last(self, expr: relax.Expr) -> relax.Expr:
        """Return an image of the old function, or a constant that broadcasts to one, turned."""
        if isinstance(expr, tvm.ir.GenericConst):
            return self._constant(expr)
        if not isinstance(expr, relax.Var):
            return expr
        if expr not in self._last:
            self._last[expr] = self.builder_.emit(
                relax.op.permute_dims(self.visit_expr(expr), TO_LAST)
            )
        return self._last[expr]

    def _is_turn(self, var: relax.DataflowVar, value: relax.Expr) -> bool:
        """Take a variable that the network itself turns for the image that it was before."""
        if operator_name(value) != "relax.permute_dims" or value.attrs.axes is None:
            return False
        axes = tuple(int(axis) % len(value.attrs.axes) for axis in value.attrs.axes)
        if axes == TO_FIRST:
            self._last[var] = self.visit_expr(value.args[0])
        elif axes == TO_LAST and self.has_last(value.args[0]):
            self.set_var_remap(var, self._last[value.args[0]])
        else:
            return False
        return True

    def _turned(self, call: relax.Call) -> relax.Expr | None:
        """Return the call with images channels-last, or None for a call to leave as it is."""
        turn = _TURNS.get(operator_name(call))
        turned = turn(self, call) if turn is not None else None
        return self.builder_.normalize(turned) if turned is not None else None

    def _channels_first(self, var: relax.Var) -> relax.Expr:
        """Return the new form of a variable in its own layout."""
        if var not in self._last or self.get_var_remap(var) is not None:
            return super().visit_var_(var)
        if var not in self._first:
            self._first[var] = self.builder_.emit(relax.op.permute_dims(self._last[var], TO_FIRST))
        return self._first[var]

    def _constant(self, constant: tvm.ir.GenericConst) -> relax.Expr:
        if constant not in self._constants:
            array = constant.value.numpy()
            if array.ndim:
                array = array.reshape((1,) * (4 - array.ndim) + array.shape).transpose(TO_LAST)
                array = np.ascontiguousarray(array)
            self._constants[constant] = relax.const(array, str(array.dtype))
        return self._constants[constant]


def _is_image(expr: relax.Expr) -> bool:
    return isinstance(expr.ty, relax.TensorType) and expr.ty.ndim == 4


def _conv2d(turner: _Turner, call: relax.Call) -> relax.Call | None:
    attrs = call.attrs
    if attrs.data_layout != "NCHW" or attrs.out_layout not in ("", "NCHW"):
        return None
    return relax.op.nn.conv2d(
        turner.last(call.args[0]),
        turner.visit_expr(call.args[1]),
        strides=list(attrs.strides),
        padding=list(attrs.padding),
        dilation=list(attrs.dilation),
        groups=int(attrs.groups),
        data_layout="NHWC",
        kernel_layout=str(attrs.kernel_layout),
        out_layout="NHWC",
        out_dtype=attrs.out_dtype,
    )


def _binary_conv2d(turner: _Turner, call: relax.Call) -> relax.Call | None:
    attrs = attrs_dict(call)
    if attrs.get("data_layout") != "NCHW":
        return None
    data, *weights = call.args
    arguments = [turner.last(data), *map(turner.visit_expr, weights)]
    return relax.Call(call.op, arguments, make_attrs(**{**attrs, "data_layout": "NHWC"}))


def _elementwise(turner: _Turner, call: relax.Call) -> relax.Call | None:
    if not _is_image(call) or not any(map(turner.has_last, call.args)):
        return None
    if not all(_is_image(a) for a in call.args if isinstance(a, relax.Var)):
        return None
    return relax.Call(call.op, [turner.last(a) for a in call.args], call.attrs, call.ty_args)


def _pool(turner: _Turner, call: relax.Call) -> relax.Call | None:
    attrs = call.attrs
    if not turner.has_last(call.args[0]) or attrs.layout != "NCHW":
        return None
    if attrs.out_layout not in ("", "NCHW"):
        return None
    data, name = turner.last(call.args[0]), operator_name(call)
    if name not in _WINDOWS:
        return relax.op.nn.adaptive_avg_pool2d(data, attrs.output_size, "NHWC", "NHWC")
    pool = relax.op.nn.max_pool2d if name == "relax.nn.max_pool2d" else relax.op.nn.avg_pool2d
    return pool(
        data,
        list(attrs.pool_size),
        list(attrs.strides),
        list(attrs.padding),
        list(attrs.dilation),
        bool(attrs.ceil_mode),
        bool(attrs.count_include_pad),
        layout="NHWC",
        out_layout="NHWC",
    )


def _reduction(turner: _Turner, call: relax.Call) -> relax.Call | None:
    if not turner.has_last(call.args[0]) or call.attrs.axis is None:
        return None
    old = [int(axis) % 4 for axis in call.attrs.axis]
    kept = [axis for axis in TO_LAST if axis not in old]
    # Without its reduced axes the result is no image, and its axes have to keep their order.
    if not call.attrs.keepdims and kept != sorted(kept):
        return None
    axes = sorted(TO_LAST.index(axis) for axis in old)
    reduce = getattr(relax.op, operator_name(call).removeprefix("relax."))
    return reduce(turner.last(call.args[0]), axes, bool(call.attrs.keepdims))


def _concat(turner: _Turner, call: relax.Call) -> relax.Call | None:
    fields = call.args[0].fields if isinstance(call.args[0], relax.Tuple) else ()
    if not any(map(turner.has_last, fields)) or call.attrs.axis is None:
        return None
    axis = TO_LAST.index(int(call.attrs.axis) % 4)
    return relax.op.concat([turner.last(field) for field in fields], axis)


def _pad(turner: _Turner, call: relax.Call) -> relax.Call | None:
    if not turner.has_last(call.args[0]) or len(call.args) > 1:
        return None
    sides = [int(side) for side in call.attrs.pad_width]
    widths = [side for axis in TO_LAST for side in sides[2 * axis : 2 * axis + 2]]
    value, mode = call.attrs.pad_value, str(call.attrs.pad_mode)
    return relax.op.nn.pad(turner.last(call.args[0]), widths, mode, value)


def _strided_slice(turner: _Turner, call: relax.Call) -> relax.Call | None:
    data, axes, *bounds = call.args
    if not turner.has_last(data) or call.attrs.assume_inbound:
        return None
    turned = [TO_LAST.index(int(axis.value) % 4) for axis in axes.fields]
    return relax.Call(
        call.op, [turner.last(data), relax.Tuple(_numbers(turned)), *bounds], call.attrs
    )


def _take(turner: _Turner, call: relax.Call) -> relax.Call | None:
    data, indices = call.args
    attrs = call.attrs
    if not turner.has_last(data) or attrs.axis is None or indices.ty.ndim != 1:
        return None
    axis = TO_LAST.index(int(attrs.axis) % 4)
    return relax.op.take(turner.last(data), turner.visit_expr(indices), axis, str(attrs.mode))


def _numbers(values: Sequence[int]) -> list[relax.Expr]:
    return [tvm.tirx.IntImm("int64", value) for value in values]


def _reshape(turner: _Turner, call: relax.Call) -> relax.Call | None:
    """One channel, or one pixel: its elements lie in the same order in both layouts."""
    shape = static_shape(call.args[0].ty)
    if not turner.has_last(call.args[0]) or shape is None or _is_image(call):
        return None
    one = shape[1] == 1 or shape[2] == shape[3] == 1
    return relax.Call(call.op, [turner.last(call.args[0]), *call.args[1:]]) if one else None


_Turn = Callable[[_Turner, relax.Call], relax.Call | None]
_TURNS: dict[str, _Turn] = {
    **dict.fromkeys((name for name in LAYERS if name.endswith("conv2d")), _binary_conv2d),
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys((*_WINDOWS, "relax.nn.adaptive_avg_pool2d"), _pool),
    "relax.concat": _concat,
    "relax.nn.conv2d": _conv2d,
    "relax.nn.pad": _pad,
    "relax.reshape": _reshape,
    "relax.strided_slice": _strided_slice,
    "relax.take": _take,
}
"""How each operator that knows channels-last images is turned."""
