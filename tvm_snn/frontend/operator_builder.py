"""A block builder that keeps TVM's ONNX importer to Relax operators."""

from collections.abc import Callable, Sequence
from typing import Any

from tvm import relax, topi

from ..errors import UnsupportedOperatorError


class OperatorBuilder(relax.BlockBuilder):
    """Emits Relax operators where the importer asks for a kernel, and binds in the model's order.

    The importer lowers some operators (Clip, Pad, Tile, ...) straight to loops, which no later
    pass can read; and it binds a node's result only when something reads it, which shuffles the
    layers. Both go through the builder, so both are put right here.
    """

    def emit_te(self, func: Callable, *args: Any, **kwargs: Any) -> relax.Var:
        """Emit the Relax operator that stands for a function of topi."""
        operator = _OPERATORS.get(func)
        if operator is None:
            raise UnsupportedOperatorError(
                f"TVM lowers an operator of the ONNX model to the kernel {func.__name__!r}, for "
                "which there is no Relax operator: replace it in the model."
            )
        return self.emit(operator(*args, **kwargs))

    def normalize(self, expr: relax.Expr) -> relax.Expr:
        """Normalize, and bind a tensor-valued call at once: the importer ends every node so."""
        result = super().normalize(expr)
        is_tensor = isinstance(result, relax.Call) and isinstance(result.ty, relax.TensorType)
        return self.emit(result) if is_tensor else result


def _pad(mode: str) -> Callable[..., relax.Expr]:
    def pad(
        data: relax.Expr, before: Sequence[Any], after: Sequence[Any], value: float = 0.0
    ) -> relax.Expr:
        pairs = zip(before, after, strict=True)
        widths = [int(getattr(width, "value", width)) for pair in pairs for width in pair]
        return relax.op.nn.pad(data, widths, pad_mode=mode, pad_value=value)

    return pad


def _mirror_pad(
    data: relax.Expr, before: Sequence[int], after: Sequence[int], mode: str
) -> relax.Expr:
    if mode != "REFLECT":
        raise UnsupportedOperatorError(f"Pad has no mode {mode!r} here: use 'reflect'.")
    return _pad("reflect")(data, before, after)


def _with_constants(operator: Callable[..., relax.Expr]) -> Callable[..., relax.Expr]:
    """Let plain numbers stand for constants of the other argument's dtype."""

    def call(data: relax.Expr, other: Any) -> relax.Expr:
        if isinstance(other, int | float):
            other = relax.const(other, str(data.ty.dtype))
        return operator(data, other)

    return call


_OPERATORS: dict[Callable, Callable[..., relax.Expr]] = {
    topi.maximum: _with_constants(relax.op.maximum),
    topi.minimum: _with_constants(relax.op.minimum),
    topi.nn.pad: _pad("constant"),
    topi.nn.replicate_pad: _pad("replicate"),
    topi.nn.circular_pad: _pad("circular"),
    topi.nn.mirror_pad: _mirror_pad,
    topi.tile: relax.op.tile,
    topi.flip: relax.op.flip,
    topi.einsum: lambda equation, *operands: relax.op.einsum(operands, equation),
}
