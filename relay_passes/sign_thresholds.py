"""Turn what lies between integer sums and the sign of them into thresholds, exactly.

Whatever scale, BatchNorm, bias, PReLU or Hardtanh a network puts there, its sign is a function of
one integer for each channel. The reference interpreter computes it for every integer that the sum
can be, in float32 as the network has it; where the result rises or falls only, a threshold (and
bounds) on the integer gives the same signs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from ..ops import static_shape
from ..reference import SUPPORTED, evaluate_call
from .channels_last import ELEMENTWISE
from .layers import operator_name

_STEP = 2
"""Sums are doubled, so that a threshold can lie between two of them."""
_INT16 = (1 << 15) - 1


@dataclass(frozen=True)
class Thresholds:
    """ALU parameters that make signs of sums: arrays of one number a channel."""

    parameters: Mapping[str, NDArray[np.int64]]
    clip: bool
    """Whether there are bounds."""


def elementwise_between(
    source: relax.Var, data: relax.Var, bindings: Mapping[relax.Var, relax.Expr]
) -> list[relax.Var] | None:
    """Return the variables after `source` up to `data`, in order of computation.

    None where other operators than elementwise ones, other variables than `source`, or constants
    that differ between pixels have a part in them.
    """
    order: list[relax.Var] = []
    known: set[relax.Var] = {source}

    def reaches(expr: relax.Expr) -> bool:
        if isinstance(expr, tvm.ir.GenericConst):
            return _by_channel(expr)
        if not isinstance(expr, relax.Var):
            return True
        if expr in known:
            return True
        value = bindings.get(expr)
        name = operator_name(value) if isinstance(value, relax.Call) else ""
        if value is None or name not in ELEMENTWISE or name not in SUPPORTED:
            return False
        if static_shape(expr.ty) != static_shape(source.ty):
            return False
        if not all(reaches(argument) for argument in value.args):
            return False
        known.add(expr)
        order.append(expr)
        return True

    return order if reaches(data) and order else None


def _by_channel(constant: tvm.ir.GenericConst) -> bool:
    shape = constant.value.numpy().shape
    return all(extent == 1 for extent in shape[:-1])


def find_thresholds(
    source: relax.Var,
    order: Sequence[relax.Var],
    bindings: Mapping[relax.Var, relax.Expr],
    largest: int,
) -> Thresholds | str:
    """Return thresholds on sums from -largest to largest, or why there are none.

    `order` is what :func:`elementwise_between` has found.
    """
    sums = np.arange(-largest, largest + 1)
    channels = (static_shape(source.ty) or (0,))[-1]
    image = np.broadcast_to(sums.astype(np.int32)[:, None], (len(sums), channels))
    values: dict[relax.Var, NDArray] = {source: image[None, None]}
    for var in order:
        call = bindings[var]
        arguments = [values.get(a) if isinstance(a, relax.Var) else None for a in call.args]
        values[var] = np.broadcast_to(
            np.asarray(evaluate_call(call, arguments, any_shape=True)), (1, 1, *image.shape)
        )
    signs = values[order[-1]][0, 0]
    if not np.isin(signs, (-1, 0, 1)).all():
        return "the values after its epilogue are no signs"
    return _thresholds(sums, signs.astype(np.int64))


def _thresholds(sums: NDArray[np.int64], signs: NDArray[np.int64]) -> Thresholds | str:
    """Find the thresholds for signs (sums, channels)."""
    steps = np.diff(signs, axis=0)
    falls = (steps < 0).any(axis=0)
    if (falls & (steps > 0).any(axis=0)).any():
        bad = int((falls & (steps > 0).any(axis=0)).argmax())
        return f"the sign of channel {bad} neither rises nor falls with the sum all the way"
    # A sign that falls rises with the negated sum.
    rising = np.where(falls, signs[::-1], signs)
    negative, zero = (rising < 0).sum(axis=0), (rising == 0).sum(axis=0)
    positive = len(sums) - negative - zero
    first_zero, first_positive = sums[0] + negative, sums[0] + negative + zero
    if ((zero > 1) & (negative > 0) & (positive > 0)).any():
        bad = int(((zero > 1) & (negative > 0) & (positive > 0)).argmax())
        return f"the sign of channel {bad} is zero for {zero[bad]} sums in the middle"
    none = (negative == 0) & (positive == 0)
    low_side, high_side = (zero > 1) & (positive > 0), (zero > 1) & (negative > 0)
    scale = np.where(none, 0, np.where(falls, -_STEP, _STEP))
    threshold = np.where(zero == 0, _STEP * first_zero - 1, _STEP * first_zero)
    threshold = np.where(low_side, _STEP * (first_positive - 1), threshold)
    threshold = np.where(none, 0, threshold)
    parameters = {"scale": scale, "bias": np.zeros_like(scale), "threshold": threshold}
    clip = bool((low_side | high_side).any())
    if clip:
        if _STEP * sums[-1] > _INT16:
            return f"its sums of up to {sums[-1]} are too large for bounds of 16 bits"
        parameters["low"] = np.where(low_side, threshold, -_INT16 - 1)
        parameters["high"] = np.where(high_side, threshold, _INT16)
    return Thresholds(parameters, clip)
