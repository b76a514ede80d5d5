"""What passes that rewrite `main` by a mutator have in common."""

from collections.abc import Mapping

import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator


def mutate_main(module: tvm.IRModule, mutator: PyExprMutator) -> tvm.IRModule:
    """Return the module with what a mutator, made of it, makes of `main` and of new functions."""
    function = mutator.visit_expr(module["main"])
    mutator.builder_.update_func(module.get_global_var("main"), function)
    return mutator.builder_.get()


def emit_named(
    builder: relax.BlockBuilder,
    name: str,
    value: relax.Expr,
    kind: type[relax.Var] = relax.DataflowVar,
) -> relax.Var:
    """Bind a value to a new variable of just this name, and return the variable.

    `BlockBuilder.emit` would turn the dots of a layer's name (`layer1.0.conv1`) into underscores.
    """
    value = builder.normalize(value)
    var = kind(name, value.ty)
    builder.emit_normalized(relax.VarBinding(var, value))
    return var


def rebuilt(expr: relax.Expr, known: Mapping[relax.Expr, relax.Expr]) -> relax.Expr:
    """Return an expression over other variables, its type yet to be inferred."""
    if isinstance(expr, relax.Var):
        return known.get(expr, expr)
    if isinstance(expr, relax.Tuple):
        return relax.Tuple([rebuilt(field, known) for field in expr.fields])
    if isinstance(expr, relax.TupleGetItem):
        return relax.TupleGetItem(rebuilt(expr.tuple_value, known), expr.index)
    if isinstance(expr, relax.Call):
        arguments = [rebuilt(argument, known) for argument in expr.args]
        return relax.Call(expr.op, arguments, expr.attrs, expr.ty_args)
    return expr
