"""Read what follows a binary layer in a residual network as one formula.

    activation(scale * sums + bias + residual)

by channel, the activation being PReLU (ReLU, leaky), bounds, both in this order, or nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from ..ops import static_shape
from .layers import operator_name

Bindings = Mapping[relax.Var, relax.Expr]
Readers = Mapping[relax.Var, Sequence[relax.Var | None]]
"""By variable: whose values read it; None for the network's result."""

_TRUE_ABOVE = frozenset(("relax.greater", "relax.greater_equal"))
_TRUE_BELOW = frozenset(("relax.less", "relax.less_equal"))


@dataclass(frozen=True)
class TrunkEpilogue:
    """The formula: arrays of one float64 number a channel."""

    scale: NDArray
    bias: NDArray
    residual: relax.Var | None = None
    slope: NDArray | None = None
    """What negative values are multiplied by; None without PReLU."""
    low: float = -np.inf
    high: float = np.inf

    @property
    def activated(self) -> bool:
        """Whether something that is not linear has been seen."""
        return self.slope is not None or self.low > -np.inf or self.high < np.inf


@dataclass(frozen=True)
class TrunkEnd:
    """Where a formula ends in the network."""

    var: relax.Var
    """The float variable that it gives."""
    epilogue: TrunkEpilogue


def read_readers(bindings: Bindings, result: relax.Expr) -> Readers:
    """Return who reads each variable."""
    readers: dict[relax.Var, list[relax.Var | None]] = defaultdict(list)
    for var, value in bindings.items():
        for used in relax.analysis.free_vars(value):
            readers[used].append(var)
    for used in relax.analysis.free_vars(result):
        readers[used].append(None)
    return readers


def trunk_end(sums: relax.Var, bindings: Bindings, readers: Readers) -> TrunkEnd | None:
    """Return the formula that follows a layer's sums, as far as it goes.

    It ends with the activation, without one with the last linear operator that has one reader
    before it. None where the sums are no such formula's start, or something else reads what is in
    the middle of it.
    """
    walk = _Walk(sums, bindings)
    for var in _derived(sums, bindings, readers):
        walk.visit(var)
    end = walk.end()
    if end is None:
        return None
    inside = _ancestors(end, walk.values, bindings)
    for var in inside - {end}:
        if any(reader not in inside for reader in readers[var]):
            return None
    return TrunkEnd(end, walk.values[end])


def offset_from(
    var: relax.Expr, ends: Mapping[relax.Var, relax.Var], bindings: Bindings
) -> tuple[relax.Var, NDArray] | None:
    """Return which layer's end a variable is, and what was added to it: a number a channel.

    `ends` gives the layer of each end. None where the variable is something else.
    """
    added = np.zeros(1)
    while var not in ends:
        value = bindings.get(var)
        if value is None or operator_name(value) not in ("relax.add", "relax.subtract"):
            return None
        sign = 1 if operator_name(value) == "relax.add" else -1
        left, right = value.args
        if isinstance(left, tvm.ir.GenericConst) and sign == 1:
            left, right = right, left
        constant = _by_channel(right)
        if constant is None or not isinstance(left, relax.Var):
            return None
        added, var = added + sign * constant, left
    return ends[var], added


def _derived(sums: relax.Var, bindings: Bindings, readers: Readers) -> list[relax.Var]:
    """Return the variables of the sums' shape that depend on them, in order of computation."""
    shape, found = static_shape(sums.ty), {sums}
    waiting = [sums]
    while waiting:
        for reader in readers[waiting.pop()]:
            if reader is None or reader in found or operator_name(bindings[reader]) in _LIMITS:
                continue
            if isinstance(reader.ty, relax.TensorType) and static_shape(reader.ty) == shape:
                found.add(reader)
                waiting.append(reader)
    return [var for var in bindings if var in found]


_LIMITS = frozenset(("snn.subset_conv2d", "snn.binary_conv2d", "relax.nn.conv2d", "relax.sign"))
"""Operators behind which no formula goes on."""


@dataclass
class _Walk:
    sums: relax.Var
    bindings: Bindings
    values: dict[relax.Var, TrunkEpilogue] = field(default_factory=dict)
    # What is no part of the formula by itself, but of a PReLU: x > 0, and slope * x.
    conditions: dict[relax.Var, tuple[relax.Var, bool]] = field(default_factory=dict)
    products: dict[relax.Var, tuple[relax.Var, NDArray]] = field(default_factory=dict)

    def visit(self, var: relax.Var) -> None:
        """Understand one more variable, if it is part of the formula."""
        if var.same_as(self.sums):
            channels = (static_shape(var.ty) or (0,))[-1]
            self.values[var] = TrunkEpilogue(np.ones(channels), np.zeros(channels))
            return
        call = self.bindings[var]
        found = self._understood(var, call, operator_name(call))
        if found is not None:
            self.values[var] = found

    def end(self) -> relax.Var | None:
        """Return the last variable of the formula."""
        activated = [var for var, value in self.values.items() if value.activated]
        if activated:
            return activated[-1]
        added = [var for var, value in self.values.items() if value.residual is not None]
        linear = added[:1] or list(self.values)[-1:]
        return linear[0] if linear and not linear[0].same_as(self.sums) else None

    def _understood(self, var: relax.Var, call: relax.Expr, name: str) -> TrunkEpilogue | None:
        if name in _TRUE_ABOVE | _TRUE_BELOW:
            base, zero = call.args
            if base in self.values and _is_zero(zero):
                self.conditions[var] = (base, name in _TRUE_ABOVE)
            return None
        if name == "relax.where":
            return self._chosen(*call.args)
        if name in ("relax.add", "relax.subtract", "relax.multiply", "relax.divide"):
            return self._arithmetic(var, name.removeprefix("relax."), *call.args)
        base = self.values.get(call.args[0]) if isinstance(call, relax.Call) else None
        if base is None:
            return None
        if name == "relax.astype":
            return base if str(call.ty.dtype) == "float32" else None
        if name == "relax.negative" and base.residual is None and not base.activated:
            return replace(base, scale=-base.scale, bias=-base.bias)
        return _activation(base, call, name)

    def _arithmetic(
        self, var: relax.Var, name: str, left: relax.Expr, right: relax.Expr
    ) -> TrunkEpilogue | None:
        if left not in self.values and name in ("add", "multiply"):
            left, right = right, left
        base = self.values.get(left)
        if base is None:
            return None
        constant = _by_channel(right)
        if constant is None:
            usable = name == "add" and isinstance(right, relax.Var) and right not in self.values
            if not usable or base.residual is not None or base.activated:
                return None
            same = static_shape(right.ty) == static_shape(left.ty)
            return replace(base, residual=right) if same else None
        if name == "multiply":
            self.products[var] = (left, constant)
        if base.activated:
            return None
        if name in ("add", "subtract"):
            return replace(base, bias=base.bias + (constant if name == "add" else -constant))
        if base.residual is not None:
            return None
        factor = constant if name == "multiply" else 1 / constant
        return replace(base, scale=base.scale * factor, bias=base.bias * factor)

    def _chosen(
        self, condition: relax.Expr, first: relax.Expr, second: relax.Expr
    ) -> TrunkEpilogue | None:
        """Understand x > 0 ? x : slope * x, and the same the other way round."""
        base, above = self.conditions.get(condition, (None, True))
        same, scaled = (first, second) if above else (second, first)
        if base is None or not base.same_as(same):
            return None
        of, slope = self.products.get(scaled, (None, None))
        if of is None or slope is None or not of.same_as(base):
            return None
        value = self.values[base]
        if value.activated:
            return None
        return replace(value, slope=np.broadcast_to(slope, value.scale.shape))


def _activation(base: TrunkEpilogue, call: relax.Call, name: str) -> TrunkEpilogue | None:
    if name in ("relax.clip", "relax.nn.relu6"):
        low, high = 0.0, 6.0
        if name == "relax.clip":
            low, high = (float(argument.value) for argument in call.args[1:])
        return replace(base, low=max(base.low, low), high=min(base.high, high))
    if base.activated:
        return None
    ones = np.ones_like(base.scale)
    if name == "relax.nn.relu":
        return replace(base, slope=0 * ones)
    if name == "relax.nn.leakyrelu":
        return replace(base, slope=float(call.attrs.alpha) * ones)
    if name == "relax.nn.prelu" and int(call.attrs.axis) % 4 == 3:
        slope = _by_channel(call.args[1])
        return None if slope is None else replace(base, slope=slope * ones)
    return None


def _ancestors(
    end: relax.Var, values: Mapping[relax.Var, TrunkEpilogue], bindings: Bindings
) -> set[relax.Var]:
    """Return the variables of which the formula makes its end, the end and the sums included."""
    sums = next(iter(values))
    found, waiting = {sums}, [end]
    residual = values[end].residual
    while waiting:
        var = waiting.pop()
        if var in found or var not in bindings or var.same_as(residual):
            continue
        found.add(var)
        waiting.extend(relax.analysis.free_vars(bindings[var]))
    return found


def _by_channel(expr: relax.Expr) -> NDArray | None:
    """Return a constant that has one number for all pixels of a channel, as float64."""
    if not isinstance(expr, tvm.ir.GenericConst):
        return None
    array = expr.value.numpy()
    if any(extent != 1 for extent in array.shape[:-1]):
        return None
    return array.astype(np.float64).reshape(-1)


def _is_zero(expr: relax.Expr) -> bool:
    return isinstance(expr, tvm.ir.GenericConst) and not expr.value.numpy().any()
