"""A lowered network as a list of kernel calls on tensors: Relax without Relax.

After lowering, a function of the network only calls kernels, looks at tensors in other shapes, and
packs and unpacks tuples. Here shapes are gone: a tensor is a number of bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tvm
from tvm import relax

from ..errors import UnsupportedOperatorError
from ..ops import static_shape
from ..relay_passes.layers import operator_name, var_bindings

_VIEW = "relax.reshape"
_CALL = "relax.call_tir"


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor: so many bytes, somewhere. Two are the same only if they are one object."""

    name: str
    nbytes: int
    constant: bytes | None = None
    """Its content, in C order and little endian, where that is known when compiling."""


@dataclass(frozen=True)
class Call:
    """A kernel call: what it reads, then what it writes, in the order of its parameters."""

    kernel: str
    reads: tuple[Value, ...]
    writes: tuple[Value, ...]


@dataclass(frozen=True)
class Program:
    """Calls in order of execution, from the inputs to the outputs."""

    inputs: tuple[Value, ...]
    calls: tuple[Call, ...]
    outputs: tuple[Value, ...]


def read_program(function: relax.Function) -> Program:
    """Return the program of a lowered function, the fields of a tuple being inputs of their own.

    Raises UnsupportedOperatorError for anything but kernel calls and views.
    """
    reader = _Reader()
    inputs = [value for param in function.params for value in reader.enter(param)]
    for binding in var_bindings(function):
        reader.bind(binding.var, binding.value)
    return Program(tuple(inputs), tuple(reader.calls), reader.values(function.body.body))


class _Reader:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._known: dict[relax.Expr, tuple[Value, ...]] = {}

    def enter(self, param: relax.Var) -> tuple[Value, ...]:
        self._known[param] = tuple(_new_values(str(param.name), param.ty))
        return self._known[param]

    def bind(self, var: relax.Var, value: relax.Expr) -> None:
        if operator_name(value) != _CALL:
            self._known[var] = self.values(value)
            return
        kernel, arguments, *_ = value.args
        self._known[var] = tuple(_new_values(str(var.name), var.ty))
        self.calls.append(Call(str(kernel.name_hint), self.values(arguments), self._known[var]))

    def values(self, expr: relax.Expr) -> tuple[Value, ...]:
        """Return the tensors that an expression stands for."""
        if expr in self._known:
            return self._known[expr]
        if isinstance(expr, relax.Tuple):
            return tuple(value for field in expr.fields for value in self.values(field))
        if isinstance(expr, relax.TupleGetItem) and not _nested(expr.tuple_value.ty):
            return (self.values(expr.tuple_value)[int(expr.index)],)
        if isinstance(expr, tvm.ir.GenericConst):
            array = np.ascontiguousarray(expr.value.numpy())
            data = array.astype(array.dtype.newbyteorder("<")).tobytes()
            self._known[expr] = (Value("constant", len(data), data),)
            return self._known[expr]
        if operator_name(expr) == _VIEW:
            return self.values(expr.args[0])
        raise UnsupportedOperatorError(
            f"The network without TVM can only call kernels, not {expr}. Run it with TVM."
        )


def _nested(ty: relax.TupleType) -> bool:
    return any(isinstance(field, relax.TupleType) for field in ty.fields)


def _new_values(name: str, ty: tvm.ir.Type) -> Iterator[Value]:
    if isinstance(ty, relax.TupleType):
        for field in ty.fields:
            yield from _new_values(name, field)
        return
    shape = static_shape(ty)
    if shape is None:
        raise UnsupportedOperatorError(
            f"{name} has no static shape: {ty}. The network without TVM plans its memory when it "
            "is compiled."
        )
    yield Value(name, int(np.prod(shape, dtype=np.int64)) * np.dtype(str(ty.dtype)).itemsize)
