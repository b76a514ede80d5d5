"""Small Relax modules for tests."""

from collections.abc import Callable

import numpy as np
import tvm
from tvm import relax

Body = Callable[..., relax.Expr]


def tensor(name: str, *shape: int, dtype: str = "float32") -> relax.Var:
    """A variable of a static shape."""
    return relax.Var(name, relax.TensorType(shape, dtype))


def module(params: list[relax.Var], body: Body) -> tvm.IRModule:
    """A module whose `main` takes `params` and returns what `body(builder, *params)` returns."""
    builder = relax.BlockBuilder()
    with builder.function("main", params):
        with builder.dataflow():
            result = builder.emit_output(body(builder, *params))
        builder.emit_func_output(result)
    return builder.get()


def named(builder: relax.BlockBuilder, name: str, expr: relax.Expr) -> relax.Var:
    """Bind an expression to a variable of exactly this name, dots included."""
    expr = builder.normalize(expr)
    var = relax.DataflowVar(name, expr.ty)
    builder.emit_normalized(relax.VarBinding(var, expr))
    return var


def sub_bit_weight(
    outputs: int,
    channels: int,
    *,
    unit: int = 1,
    size: int = 8,
    area: tuple[int, int] = (3, 3),
    scale: float | np.ndarray = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """Weights (outputs, channels, *area): scale times units from `size` kernels, all in use."""
    generator = np.random.default_rng(seed)
    bits = unit * area[0] * area[1]
    codes = generator.choice(2 ** min(bits, 24), size, replace=False)
    kernels = np.where((codes[:, None] >> np.arange(bits)) & 1, 1, -1).reshape(size, unit, *area)
    indices = generator.integers(0, size, (outputs, channels // unit))
    indices.flat[:size] = np.arange(size)
    signs = kernels[indices].reshape(outputs, channels, *area)
    return (np.broadcast_to(scale, outputs)[:, None, None, None] * signs).astype(np.float32)
