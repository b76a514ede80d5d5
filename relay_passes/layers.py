"""The layers of a model: the bindings whose value is a conv or a dense call, and their names."""

from collections.abc import Iterator, Mapping, Sequence

import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from .mutation import emit_named

DENSE_OPERATOR = "relax.matmul"
_CONV_PREFIX = "relax.nn.conv"


def operator_name(expr: relax.Expr) -> str:
    """Return the name of the operator that `expr` calls, or "" when it is no such call."""
    if isinstance(expr, relax.Call) and isinstance(expr.op, tvm.ir.Op):
        return str(expr.op.name)
    return ""


def is_layer(expr: relax.Expr) -> bool:
    """Tell whether an expression is a conv (1-D to 3-D, transposed too) or a matrix product."""
    name = operator_name(expr)
    return name == DENSE_OPERATOR or name.startswith(_CONV_PREFIX)


def var_bindings(function: relax.Function) -> Iterator[relax.VarBinding]:
    """Yield the variable bindings of a function in order."""
    body = function.body
    blocks = body.blocks if isinstance(body, relax.SeqExpr) else []
    for block in blocks:
        for binding in block.bindings:
            if isinstance(binding, relax.VarBinding):
                yield binding


def layer_bindings(function: relax.Function) -> list[relax.VarBinding]:
    """Return the bindings of a function whose value is a layer, in order."""
    return [binding for binding in var_bindings(function) if is_layer(binding.value)]


def rename_bindings(
    module: tvm.IRModule, names: Mapping[relax.Var, str], function: str = "main"
) -> tvm.IRModule:
    """Return the module with the variables bound in `function` renamed as `names` says."""
    renamed = _Renamer(module, names).visit_expr(module[function])
    result = tvm.IRModule(dict(module.functions), attrs=module.attrs)
    result.update_func(module.get_global_var(function), renamed)
    return result


def restore_layer_names(
    module: tvm.IRModule, names: Sequence[str], function: str = "main"
) -> tvm.IRModule:
    """Name the layers of `function`, in order; a count that differs leaves them as they are.

    For passes of TVM that keep the layers but may give a layer's variable another name.
    """
    bindings = layer_bindings(module[function])
    wrong = {
        binding.var: name
        for binding, name in zip(bindings, names, strict=False)
        if binding.var.name != name
    }
    if len(bindings) != len(names) or not wrong:
        return module
    return rename_bindings(module, wrong, function)


@mutator
class _Renamer(PyExprMutator):
    def __init__(self, module: tvm.IRModule, names: Mapping[relax.Var, str]) -> None:
        super().__init__(module)
        self._names = names

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        name = self._names.get(binding.var)
        if name is None:
            super().visit_var_binding_(binding)
            return
        value = self.visit_expr(binding.value)
        var = emit_named(self.builder_, name, value, type(binding.var))
        self.set_var_remap(binding.var, var)
