"""Walk through a Relax function and compute each binding with numpy.

The meaning of an operator is in the table (`table.py` and the files beside it); this file knows
only how a function is built: parameters, bindings, tuples, constants, and the result.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tvm
from tvm import relax

from ..errors import ModelError, UnsupportedOperatorError
from ..ops import OPERATORS, static_shape
from ..tvm_api import attrs_dict
from .table import MEANINGS, Meaning, Value

Observer = Callable[[relax.Var, Value], Value | None]
"""Called with a variable and its value after each binding; may return a value to put in place."""


def evaluate(
    function: relax.Function,
    inputs: Sequence[np.ndarray],
    *,
    observe: Observer | None = None,
) -> np.ndarray | tuple[np.ndarray, ...]:
    """Run a Relax function in numpy and return its result.

    `inputs` holds one array per parameter, of exactly the parameter's shape and dtype. `observe`
    is called after every binding with the variable and its value; when it returns something other
    than None, that takes the value's place for all that follows, and must have the same shapes
    and dtypes. Raises ModelError for inputs that do not fit and for what a model may not contain,
    UnsupportedOperatorError for an operator that is not in the table.
    """
    environment = _bind_parameters(function, inputs)
    bindings = list(_bindings(function))
    done_with = _last_uses(bindings, function.body.body)
    with np.errstate(all="ignore"):
        for index, binding in enumerate(bindings):
            value = _evaluate_binding(binding, environment)
            if observe is not None:
                value = _replacement(binding.var, value, observe(binding.var, value))
            environment[binding.var] = value
            for var in done_with.get(index, ()):
                environment.pop(var, None)
        return _value(function.body.body, environment)


def intermediates(
    function: relax.Function, inputs: Sequence[np.ndarray]
) -> dict[str, np.ndarray | tuple[np.ndarray, ...]]:
    """Run a Relax function and return the value of every binding by its variable's name.

    A name that occurs again gets `.1`, `.2`, ... behind it.
    """
    values: dict[str, Value] = {}

    def keep(var: relax.Var, value: Value) -> None:
        name, count = var.name, 0
        while name in values:
            count += 1
            name = f"{var.name}.{count}"
        values[name] = value

    evaluate(function, inputs, observe=keep)
    return values


def evaluate_call(
    call: relax.Call, values: Sequence[Value], *, any_shape: bool = False
) -> np.ndarray | tuple[np.ndarray, ...]:
    """Compute one operator on numpy values, one per argument of the call.

    A value may be None where the argument is written out in the call itself: a constant, a shape,
    a scalar, or a tuple of these. With `any_shape`, the result need not have the shape that the
    call was inferred to have, only its dtype. Raises UnsupportedOperatorError when the table lacks
    the operator, ModelError when the values do not fit it.
    """
    if len(values) != len(call.args):
        raise ModelError(
            f"{_operator_name(call)} takes {len(call.args)} arguments, {len(values)} were given"
        )
    filled = [
        _value(argument, {}) if value is None else value
        for argument, value in zip(call.args, values, strict=True)
    ]
    with np.errstate(all="ignore"):
        return _apply(call, filled, any_shape)


def _apply(call: relax.Call, values: Sequence[Value], any_shape: bool = False) -> Value:
    """Compute one operator and give the result the dtypes that TVM inferred."""
    name = _operator_name(call)
    try:
        result = _meaning_of(call)(call.attrs, *values)
    except (ValueError, IndexError, TypeError) as error:
        shapes = ", ".join(str(_signature(value)) for value in values)
        raise ModelError(f"{name} does not fit its operands {shapes}: {error}") from error
    if any_shape and isinstance(call.ty, relax.TensorType):
        return np.asarray(result).astype(str(call.ty.dtype), copy=False)
    return _as_declared(result, call.ty, name)


def _meaning_of(call: relax.Call) -> Meaning:
    """Look the operator up: in the table, or beside the operators of this project."""
    name = _operator_name(call)
    if name in OPERATORS:
        # How a call is computed has no part in what it means.
        attributes = {k: v for k, v in attrs_dict(call).items() if k not in ("strategy", "config")}
        return lambda _attrs, *values: OPERATORS[name].reference(*values, **attributes)
    if name in MEANINGS:
        return MEANINGS[name]
    if name.startswith("relax.call_"):
        raise UnsupportedOperatorError(
            f"{name} of {call.args[0]} calls generated code, which has no meaning of its own: "
            "interpret the model before it is lowered, and import it with operators only"
        )
    raise UnsupportedOperatorError(
        f"the reference interpreter has no operator {name}: add its meaning to "
        "tvm_snn/reference, or replace it in the model"
    )


def _operator_name(call: relax.Call) -> str:
    """Name what is called, and refuse what is not an operator."""
    if not isinstance(call.op, tvm.ir.Op):
        raise UnsupportedOperatorError(
            f"{call.op} is a function and not an operator: inline functions before the model is "
            "interpreted"
        )
    return str(call.op.name)


def _as_declared(result: Value, ty: relax.Type, name: str) -> Value:
    """Cast to the dtype TVM inferred and check the shape; without a type, take it as it is."""
    if isinstance(ty, relax.TupleType):
        return tuple(_as_declared(r, t, name) for r, t in zip(result, ty.fields, strict=True))
    if not isinstance(ty, relax.TensorType):
        return result
    array = np.asarray(result)
    if str(ty.dtype) not in ("", "void"):
        array = array.astype(str(ty.dtype), copy=False)
    expected = static_shape(ty)
    if expected is not None and array.shape != expected:
        raise ModelError(
            f"{name} gives shape {array.shape}, but the model declares {expected}: "
            "the model is inconsistent, import it anew"
        )
    return array


def _bind_parameters(
    function: relax.Function, inputs: Sequence[np.ndarray]
) -> dict[relax.Var, Value]:
    """Check the inputs against the parameters and pair them."""
    if len(inputs) != len(function.params):
        names = ", ".join(var.name for var in function.params)
        raise ModelError(
            f"the model takes {len(function.params)} inputs ({names}), {len(inputs)} were given"
        )
    return {
        var: _checked_input(var, value) for var, value in zip(function.params, inputs, strict=True)
    }


def _checked_input(var: relax.Var, value: np.ndarray) -> np.ndarray:
    if not isinstance(var.ty, relax.TensorType):
        raise ModelError(f"input '{var.name}' is no tensor but {var.ty}: pass tensors one by one")
    shape = static_shape(var.ty)
    if shape is None:
        raise ModelError(
            f"input '{var.name}' has the dynamic shape {var.ty.shape}: import the model with "
            "static shapes"
        )
    if not isinstance(value, np.ndarray):
        raise ModelError(f"input '{var.name}' is a {type(value).__name__}, not a numpy array")
    dtype = np.dtype(str(var.ty.dtype))
    if value.shape != shape or value.dtype != dtype:
        raise ModelError(
            f"input '{var.name}' has shape {value.shape} and dtype {value.dtype}; the model "
            f"expects {shape} and {dtype}"
        )
    return value


def _bindings(function: relax.Function) -> Iterator[relax.Binding]:
    if not isinstance(function.body, relax.SeqExpr):
        raise ModelError("the function is not in normal form: import it through tvm_snn")
    for block in function.body.blocks:
        yield from block.bindings


def _last_uses(bindings: Sequence[relax.Binding], result: relax.Expr) -> dict[int, list[relax.Var]]:
    """For each binding, the variables that nothing after it reads: their memory can go."""
    last: dict[relax.Var, int] = {}
    for index, binding in enumerate(bindings):
        last[binding.var] = index
        for var in _variables(binding.value):
            last[var] = index
    for var in _variables(result):
        last.pop(var, None)
    uses: dict[int, list[relax.Var]] = {}
    for var, index in last.items():
        uses.setdefault(index, []).append(var)
    return uses


def _variables(expr: relax.Expr) -> list[relax.Var]:
    return list(relax.analysis.free_vars(expr))


def _evaluate_binding(binding: relax.Binding, environment: dict[relax.Var, Value]) -> Value:
    """Compute the right-hand side; an error names the variable on the left."""
    name = binding.var.name
    try:
        value = _value(binding.value, environment)
        if isinstance(binding, relax.MatchCast):
            return _as_declared(value, binding.ty, "match_cast")
        return value
    except ModelError as error:
        raise type(error)(f"at '{name}': {error}") from error


def _value(expr: relax.Expr, environment: dict[relax.Var, Value]) -> Value:
    """Evaluate an expression in the environment."""
    if isinstance(expr, relax.Var):
        return environment[expr]
    if isinstance(expr, tvm.ir.GenericConst):
        return expr.value.numpy()
    if isinstance(expr, relax.Call):
        _meaning_of(expr)  # an unknown operator is named before anything is said of its arguments
        return _apply(expr, [_value(argument, environment) for argument in expr.args])
    if isinstance(expr, relax.TupleGetItem):
        return _value(expr.tuple_value, environment)[expr.index]
    if isinstance(expr, relax.Tuple):
        return tuple(_value(field, environment) for field in expr.fields)
    return _literal(expr)


def _literal(expr: relax.Expr) -> Value:
    """Read a shape, a scalar or a string that is written out in the model."""
    if isinstance(expr, relax.ShapeExpr):
        return tuple(_literal(size) for size in expr.values)
    if isinstance(expr, tvm.tirx.IntImm):
        return bool(expr.value) if str(expr.ty.dtype) == "bool" else int(expr.value)
    if isinstance(expr, tvm.tirx.FloatImm):
        return float(expr.value)
    if isinstance(expr, tvm.ir.StringImm):
        return str(expr.value)
    if isinstance(expr, relax.If | relax.Function):
        raise UnsupportedOperatorError(
            "branches and nested functions are not supported: export the model without control flow"
        )
    raise ModelError(
        f"'{expr}' has no fixed value (a symbolic dimension?): import the model with static shapes"
    )


def _replacement(var: relax.Var, value: Value, given: Value | None) -> Value:
    """Take what an observer returned, if it has the shapes and dtypes of the value."""
    if given is None:
        return value
    if _signature(given) != _signature(value):
        raise ModelError(
            f"the observer replaces '{var.name}' of {_signature(value)} by {_signature(given)}"
        )
    return given


def _signature(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(_signature(item) for item in value)
    return (value.shape, str(value.dtype)) if isinstance(value, np.ndarray) else type(value)
