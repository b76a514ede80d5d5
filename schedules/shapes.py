"""Static shapes of expressions: every kernel here is made for one size."""

from tvm import relax

from ..errors import ModelError
from ..ops import static_shape


def shape_of(expr: relax.Expr) -> tuple[int, ...]:
    """Return the shape of a tensor; raises ModelError when it is not static."""
    shape = static_shape(expr.ty)
    if shape is None:
        raise ModelError(f"A layer's operand has the type {expr.ty}; its shape must be static.")
    return shape
