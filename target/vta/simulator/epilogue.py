"""The arithmetic of the ALU engine, exactly as the hardware does it."""

from dataclasses import dataclass

import numpy as np

from ..isa.encoding import Instruction
from ..isa.instruction_set import Vector

SLOPE_SHIFT = 14
"""A slope of 1.0 is 2^14."""


@dataclass(frozen=True)
class Parameters:
    """What belongs to each of n output channels: arrays of shape (n, 1), int64."""

    scale: np.ndarray
    slope: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(lines: np.ndarray) -> "Parameters":
        """Read parameter lines, uint8 of shape (n, 16)."""

        def column(start: int, dtype: str) -> np.ndarray:
            end = start + np.dtype(dtype).itemsize
            return np.ascontiguousarray(lines[:, start:end]).view(dtype).astype(np.int64)

        return Parameters(
            scale=column(0, "<i2"),
            slope=column(2, "<i2"),
            bias=column(4, "<i4"),
            threshold=column(8, "<i4"),
            low=column(12, "<i2"),
            high=column(14, "<i2"),
        )


def finish(
    accumulators: np.ndarray, residual: np.ndarray, given: Parameters, alu: Instruction
) -> np.ndarray:
    """Return what the epilogue makes of accumulators: int64 of shape (outputs, pixels).

    `residual` is int64 of the same shape, or a scalar where there is none.
    """
    values = accumulators.astype(np.int64)
    if alu["affine"]:
        values = saturate(shift_right(values * given.scale + given.bias, alu["shift"]), 32)
    if alu["residual"]:
        values = saturate(values + residual, 32)
    if alu["prelu"]:
        negative = saturate(shift_right(values * given.slope, SLOPE_SHIFT), 32)
        values = np.where(values < 0, negative, values)
    if alu["clip"]:
        values = np.minimum(np.maximum(values, given.low), given.high)
    return values


def activations(
    values: np.ndarray, given: Parameters, alu: Instruction, activation_bits: int
) -> np.ndarray:
    """Return the activations made of the epilogue's values: int8 of the same shape."""
    if alu["vector"] == Vector.SIGN:
        return np.sign(values - given.threshold).astype(np.int8)
    return saturate(shift_right(values, alu["requantize"]), activation_bits).astype(np.int8)


def shift_right(values: np.ndarray, bits: int) -> np.ndarray:
    """Divide by 2^bits, to the nearest, halves upwards."""
    return (values + (1 << bits >> 1)) >> bits


def saturate(values: np.ndarray, bits: int) -> np.ndarray:
    """Clip to two's complement numbers of so many bits."""
    return np.clip(values, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)
