"""What a stack of layers computes, by plain convolution: the RTL is held against it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...target.vta.codegen.layer import OUTSIDE, Layer
from ...target.vta.isa.encoding import instruction
from ...target.vta.isa.instruction_set import ALU, Plane, Vector
from ...target.vta.packing import pack_parameters
from ...target.vta.simulator.epilogue import Parameters, activations, finish, saturate


def expected_planes(
    layers: Sequence[Layer],
    images: Mapping[str, np.ndarray],
    residuals: Mapping[str, np.ndarray],
    activation_bits: int,
) -> dict[str, np.ndarray]:
    """Return the planes that layers store, (outputs, pixels), by the layer's name.

    `images`, int8 (height, width, channels), and `residuals`, int16 (outputs, pixels), are those
    from outside. 3x3 units of one channel.
    """
    vectors: dict[str, np.ndarray] = {}
    planes: dict[str, np.ndarray] = {}
    for layer in layers:
        image = images.get(layer.name)
        if image is None:
            image = vectors[layer.image].T.reshape(layer.height, layer.width, layer.channels)
        residual = np.zeros((), np.int64)
        if layer.residual is not None:
            source = residuals if layer.residual == OUTSIDE else planes
            residual = source[layer.name if layer.residual == OUTSIDE else layer.residual]
        alu, parameters = _epilogue(layer)
        values = finish(_convolve(layer, image), residual.astype(np.int64), parameters, alu)
        if layer.plane is not Plane.NONE:
            planes[layer.name] = saturate(values, 16 if layer.plane is Plane.TRUNK else 32)
        if layer.vector is not Vector.NONE:
            vectors[layer.name] = activations(values, parameters, alu, activation_bits)
    return planes


def _weights(layer: Layer) -> np.ndarray:
    """Return the kernels of all outputs: float32 (outputs, channels, 3, 3), 1 and -1."""
    codes, sign = layer.indices, np.ones(layer.indices.shape, np.float32)
    if layer.subset is not None:
        codes = layer.subset[0][layer.indices % layer.kernels]
        if layer.negation:
            sign = np.where(layer.indices >= layer.kernels, -1, 1).astype(np.float32)
    bits = (codes[..., None] >> np.arange(9) & 1).astype(np.float32)
    return ((2 * bits - 1) * sign[..., None]).reshape(*codes.shape, 3, 3)


def _convolve(layer: Layer, image: np.ndarray) -> np.ndarray:
    """Return the sums of a 3x3 convolution: int64 (outputs, pixels).

    Products of floats, for their speed: sums of so few small integers are exact.
    """
    top, left, bottom, right = layer.pads
    padded = np.pad(image.astype(np.float32), ((top, bottom), (left, right), (0, 0)))
    windows = sliding_window_view(padded, (3, 3), axis=(0, 1))
    windows = windows[:: layer.stride, :: layer.stride].reshape(layer.count, -1)
    sums = _weights(layer).reshape(layer.outputs, -1) @ windows.T
    return sums.astype(np.int64)


def _epilogue(layer: Layer) -> tuple[Any, Parameters]:
    epilogue = layer.epilogue
    lines = pack_parameters(layer.outputs, **epilogue.parameters)
    alu = instruction(
        ALU,
        tiles=1,
        groups=1,
        affine=epilogue.affine,
        shift=epilogue.shift,
        residual=layer.residual is not None,
        prelu=epilogue.prelu,
        clip=epilogue.clip,
        vector=layer.vector,
        requantize=epilogue.requantize,
    )
    return alu, Parameters.of(lines.reshape(layer.outputs, -1))
