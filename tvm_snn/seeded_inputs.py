"""Inputs to verify and measure a network with when nobody gave any."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .artifact import TensorSpec

SEED = 2021
"""Seed of the inputs that compile() verifies with."""


def seeded_inputs(specs: Sequence[TensorSpec]) -> list[NDArray]:
    """Return inputs of the given shapes: normal floats, small integers, always the same."""
    generator = np.random.default_rng(SEED)
    return [
        generator.standard_normal(spec.shape).astype(spec.dtype)
        if np.issubdtype(np.dtype(spec.dtype), np.floating)
        else generator.integers(0, 2, spec.shape).astype(spec.dtype)
        for spec in specs
    ]
