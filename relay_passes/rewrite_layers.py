"""Replace the binary and sub-bit layers that were detected by the operators made for them."""

from collections.abc import Callable, Sequence

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from ..ops import OPERATORS, binary_conv2d, binary_dense, subset_conv2d, subset_dense
from ..ops.levels import LEVELS, TOP_LEVEL
from .detect_layers import DENSE, Layer
from .layers import operator_name, var_bindings
from .level_values import Levels, whole_numbers
from .mutation import emit_named

_FLOAT = "float32"
_SIGN = "int8"
_FLOATS = "W1A32"


def rewrite_layers(layers: Sequence[Layer]) -> tvm.transform.Pass:
    """Return the pass that rewrites `layers`, as detect_layers found them in the same module.

    A binary layer becomes `op(data, ...) * scale`. Where its data are signs (W1A1) they are cast
    to int8 before and the integer sums to float32 after the operator. Where they are levels (W1Ak),
    they become whole numbers, uint8, and the scale is multiplied with their step. Dense layers stay
    as they are. The operator's variable keeps the layer's name.
    """
    by_name = {layer.name: layer for layer in layers if layer.verdict != DENSE}

    @tvm.transform.module_pass(opt_level=0, name="RewriteLayers")
    def transform(module: tvm.IRModule, _context: tvm.transform.PassContext) -> tvm.IRModule:
        return _Rewriter(module, by_name).rewritten()

    return transform


@relax.expr_functor.mutator
class _Rewriter(relax.PyExprMutator):
    def __init__(self, module: tvm.IRModule, layers: dict[str, Layer]) -> None:
        super().__init__(module)
        self._module = module
        self._layers = layers
        self._integers: dict[relax.Expr, relax.Var] = {}
        self._bindings: dict[relax.Var, relax.Expr] = {}

    def rewritten(self) -> tvm.IRModule:
        for name, function in self._module.functions_items():
            if isinstance(function, relax.Function):
                self._bindings |= {b.var: b.value for b in var_bindings(function)}
                self.builder_.update_func(name, self.visit_expr(function))
        return relax.transform.DeadCodeElimination()(self.builder_.get())

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        layer = self._layers.get(str(binding.var.name))
        if layer is None or not isinstance(binding.value, relax.Call):
            super().visit_var_binding_(binding)
            return
        data = self._data(layer, binding.value.args[0])
        *before, last = _steps(layer)
        for step in before:
            data = self._bind(step(data), relax.DataflowVar, layer)
        self.set_var_remap(binding.var, self._bind(last(data), type(binding.var), layer))

    def _bind(self, value: relax.Expr, kind: type[relax.Var], layer: Layer) -> relax.Var:
        """Bind a value to a new variable; the operator's own gets the layer's name."""
        name = layer.name if operator_name(value) in OPERATORS else operator_name(value)
        return emit_named(self.builder_, name, value, kind)

    def _data(self, layer: Layer, data: relax.Expr) -> relax.Expr:
        """Return the data of a layer in the form that its operator takes.

        Signs and levels become integers, once for all layers that read them.
        """
        if layer.activation == _FLOATS:
            return self.visit_expr(data)
        if data not in self._integers:
            if layer.levels is None:
                integers = relax.op.astype(self.visit_expr(data), _SIGN)
            else:
                integers = relax.op.astype(self._whole_numbers(data, layer.levels), LEVELS)
            self._integers[data] = self.builder_.emit(integers)
        return self._integers[data]

    def _whole_numbers(self, data: relax.Expr, levels: Levels) -> relax.Expr:
        """Return the levels of data as float32."""
        whole = whole_numbers(data, levels, self._bindings)
        if whole is not None:
            return self.visit_expr(whole)
        steps = relax.op.divide(self.visit_expr(data), relax.const(levels.step, _FLOAT))
        return self.builder_.emit(relax.op.round(self.builder_.emit(steps)))


def _steps(layer: Layer) -> list[Callable[[relax.Var], relax.Expr]]:
    """Return what is computed one after the other, each from the result before."""
    steps: list[Callable[[relax.Var], relax.Expr]] = [lambda data: _operator_call(layer, data)]
    if layer.activation != _FLOATS:
        steps.append(lambda sums: relax.op.astype(sums, _FLOAT))
    factors = _factors(layer)
    if not np.all(factors == 1):
        scale = relax.const(_channel_shaped(factors, layer), _FLOAT)
        steps.append(lambda sums: relax.op.multiply(sums, scale))
    return steps


def _operator_call(layer: Layer, data: relax.Var) -> relax.Call:
    assert layer.signed is not None, "only binary layers are rewritten"
    if layer.subset is not None:
        arrays: list[NDArray] = [layer.subset.kernels, layer.subset.indices]
    elif layer.geometry is not None:
        arrays = [layer.signed.signs]
    else:
        arrays = [layer.signed.signs[:, :, 0, 0]]
    operator = {
        (True, True): subset_conv2d,
        (True, False): binary_conv2d,
        (False, True): subset_dense,
        (False, False): binary_dense,
    }[layer.geometry is not None, layer.subset is not None]
    attrs = layer.geometry.attrs() if layer.geometry else {}
    if layer.levels is not None:
        attrs[TOP_LEVEL] = layer.levels.top
    return operator(data, *(relax.const(array) for array in arrays), **attrs, strategy="")


def _factors(layer: Layer) -> NDArray[np.float32]:
    """Return what the sums of each output (O,) are multiplied with: scale, and step of levels."""
    step = layer.levels.step if layer.levels is not None else 1.0
    return (layer.scale.astype(np.float64) * step).astype(np.float32)


def _channel_shaped(factors: NDArray[np.float32], layer: Layer) -> NDArray[np.float32]:
    """Return factors (O,) shaped to multiply the layer's result."""
    if layer.geometry is not None and layer.geometry.data_layout == "NCHW":
        return factors.reshape(1, -1, 1, 1)
    return factors
