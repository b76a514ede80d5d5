"""Operators that make tensors from scalars and shapes, and those that compute nothing."""

from typing import Any

import numpy as np

from ..errors import ModelError
from .table import dtype_of, enter_plain, operator

Array = np.ndarray
Shape = tuple[int, ...]

enter_plain(
    {
        "relax.null_value": lambda: None,
        "relax.shape_of": np.shape,
        "relax.shape_to_tensor": lambda shape: np.asarray(shape, np.int64),
        "relax.tensor_to_shape": lambda x: tuple(int(size) for size in x),
        "relax.size": lambda x: np.asarray(x.size, np.int64),
        "relax.tril": lambda x, k=0: np.tril(x, k),
        "relax.triu": lambda x, k=0: np.triu(x, k),
        # Marks for other passes let the value through; printing is left out.
        "relax.print": lambda *_values: (),
        "relax.builtin.stop_lift_params": lambda x: x,
        "relax.hint_on_device": lambda x: x,
        "relax.to_vdevice": lambda x: x,
        "relax.wrap_param": lambda x: x,
    }
)


@operator("relax.assert_op")
def assert_true(_attrs: Any, condition: Array, message: str, *operands: Any) -> tuple[()]:
    """Raise ModelError with the model's own message when the condition does not hold."""
    if not np.all(condition):
        raise ModelError(f"the model asserts: {str(message).format(*operands)}")
    return ()


@operator("relax.full")
def full(attrs: Any, shape: Shape, value: Any) -> Array:
    """Fill a shape with one value."""
    value = np.asarray(value)
    return np.full(shape, value.reshape(()), dtype_of(attrs.dtype, value.dtype))


@operator("relax.full_like")
def full_like(attrs: Any, x: Array, value: Any) -> Array:
    """Fill the shape of x with one value, in x's dtype unless another is named."""
    return np.full(x.shape, np.asarray(value).reshape(()), dtype_of(attrs.dtype, x.dtype))


@operator("relax.zeros")
def zeros(attrs: Any, shape: Shape) -> Array:
    """Zeros."""
    return np.zeros(shape, dtype_of(attrs.dtype, np.float32))


@operator("relax.ones")
def ones(attrs: Any, shape: Shape) -> Array:
    """Ones."""
    return np.ones(shape, dtype_of(attrs.dtype, np.float32))


@operator("relax.zeros_like")
def zeros_like(attrs: Any, x: Array) -> Array:
    """Zeros in the shape of x."""
    return np.zeros(x.shape, dtype_of(attrs.dtype, x.dtype))


@operator("relax.ones_like")
def ones_like(attrs: Any, x: Array) -> Array:
    """Ones in the shape of x."""
    return np.ones(x.shape, dtype_of(attrs.dtype, x.dtype))


@operator("relax.arange")
def arange(attrs: Any, start: float, end: float, step: float) -> Array:
    """`start, start + step, ...` up to but without `end`."""
    return np.arange(start, end, step).astype(dtype_of(attrs.dtype))


@operator("relax.eye")
def eye(attrs: Any, rows: int, columns: int, diagonal: int) -> Array:
    """Ones on a diagonal."""
    return np.eye(rows, columns, diagonal, dtype_of(attrs.dtype, np.float32))


@operator("relax.eye_like")
def eye_like(attrs: Any, x: Array, diagonal: int = 0) -> Array:
    """Ones on a diagonal, in the shape of x."""
    return np.eye(x.shape[0], x.shape[1], diagonal, dtype_of(attrs.dtype, x.dtype))


@operator("relax.meshgrid")
def meshgrid(attrs: Any, parts: tuple[Array, ...]) -> tuple[Array, ...]:
    """Coordinate grids of vectors."""
    indexing = "ij" if attrs.indexing is None else str(attrs.indexing)
    return tuple(np.meshgrid(*parts, indexing=indexing))  # type: ignore[call-overload]
