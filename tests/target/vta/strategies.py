"""Random layers and epilogues for the accelerator."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.target.vta.layers import Layer
from tvm_snn.target.vta.configuration import Configuration
from tvm_snn.target.vta.isa.instruction_set import Plane, Vector, Window

KINDS = ("single", "paired", "negation", "binary", "column")


@st.composite
def layers(draw: st.DrawFn, hardware: Configuration) -> Layer:
    """Draw a layer that fits the memories of a configuration."""
    kind = draw(st.sampled_from(KINDS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    least = 0 if min(height, width) >= 3 else 1
    pads = top, left, bottom, right = draw(st.tuples(*4 * [st.integers(least, 2)]))
    # At stride 1, whatever is drawn; its results have to fit their memories.
    tiles = -(-(top + height + bottom) * (left + width + right) // hardware.pixels)
    outputs = draw(st.integers(1, min(20, hardware.residual_lines // tiles)))
    units = draw(st.integers(1, 2 * hardware.channels + 3))
    channels = {"paired": 2 * units, "column": 8 * units}.get(kind, units)
    tau = draw(st.integers(3, 5))
    image_low, image_high = (-1, 2) if hardware.activation_bits == 2 else (-128, 128)
    kernels = 512 if kind == "binary" else 1 << (tau - 1 if kind == "negation" else tau)
    parts = 2 if kind == "paired" else 1
    if kind == "binary":
        subset = np.arange(512)[None]
    else:
        subset = np.stack([rng.permutation(512)[:kernels] for _ in range(parts)])
    index_count = 512 if kind == "binary" else 1 << tau
    image = rng.integers(image_low, image_high, (height, width, channels)).astype(np.int8)
    return Layer(
        image,
        subset,
        rng.integers(0, index_count, (outputs, units)),
        tau,
        stride=draw(st.integers(1, 2)),
        padding=0 if kind == "column" else pads,
        binary=kind == "binary",
        negation=kind == "negation",
        window=Window.COLUMN if kind == "column" else Window.SQUARE,
    )


@st.composite
def epilogues(draw: st.DrawFn, outputs: int, count: int) -> dict[str, Any]:
    """Draw what ALU does with the accumulators, parameters and residual included."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def numbers(bits: int) -> np.ndarray:
        return rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), outputs)

    ends = np.sort(rng.integers(-(1 << 15), 1 << 15, (2, outputs)), axis=0)
    return {
        "parameters": {
            "scale": numbers(16),
            "slope": numbers(16),
            "bias": numbers(32),
            "threshold": numbers(draw(st.sampled_from((4, 32)))),
            "low": ends[0],
            "high": ends[1],
        },
        "residual": rng.integers(-(1 << 15), 1 << 15, (outputs, count))
        if draw(st.booleans())
        else None,
        "plane": draw(st.sampled_from((Plane.ACCUMULATOR, Plane.TRUNK))),
        "vector": draw(st.sampled_from(Vector)),
        "affine": draw(st.integers(0, 1)),
        "shift": draw(st.integers(0, 31)),
        "prelu": draw(st.integers(0, 1)),
        "clip": draw(st.integers(0, 1)),
        "requantize": draw(st.integers(0, 31)),
    }
