"""The table from a Relax operator's name to its meaning in numpy, and how entries get into it.

An entry takes the call's attributes and one value per argument. A tensor arrives as an array, a
tuple as a tuple, a shape as a tuple of ints, a scalar as an int, float or bool, and an argument
that was left out (`R.null_value`) as None.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Value = Any
"""An array, a tuple of values, a Python scalar, or None."""

Meaning = Callable[..., Value]
"""`meaning(attrs, *values)`: the result of one operator on numpy values."""

MEANINGS: dict[str, Meaning] = {}


def operator(*names: str) -> Callable[[Meaning], Meaning]:
    """Enter a function `f(attrs, *values)` into the table under each of the names."""

    def enter(meaning: Meaning) -> Meaning:
        for name in names:
            if name in MEANINGS:
                raise KeyError(f"{name} is in the table twice")
            MEANINGS[name] = meaning
        return meaning

    return enter


def enter_plain(functions: dict[str, Callable[..., Value]]) -> None:
    """Enter functions that have no use for attributes: `name -> f(*values)`."""
    for name, function in functions.items():
        operator(name)(_without_attributes(function))


def _without_attributes(function: Callable[..., Value]) -> Meaning:
    return lambda _attrs, *values: function(*values)


def integers(values: Iterable[Any]) -> tuple[int, ...]:
    """Read a list attribute, whose items are Python ints or TVM's integer constants."""
    return tuple(int(getattr(value, "value", value)) for value in values)


def axes_of(axis: Any) -> tuple[int, ...] | None:
    """Read an axis attribute: None means every axis."""
    return None if axis is None else integers(axis)


def one_axis(axis: Any) -> int | None:
    """Read an attribute that holds a single axis, or None for the flattened array."""
    return None if axis is None else int(axis)


def dtype_of(dtype: Any, default: np.dtype | type | None = None) -> np.dtype:
    """Read a dtype attribute: empty, void or None means the default."""
    name = "" if dtype is None else str(dtype)
    return np.dtype(default) if name in ("", "void") else np.dtype(name)
