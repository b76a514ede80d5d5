"""The binary convolutions of ResNet-18, and random operands for them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SnnError


@dataclass(frozen=True)
class Layer:
    """A 3x3 convolution with padding 1 of an image `size` x `size`."""

    channels: int
    outputs: int
    size: int
    stride: int
    count: int
    """How often ResNet-18 has it."""

    @property
    def name(self) -> str:
        """The layer as the command line and the tables write it, as in 64-128@56/2."""
        outputs = "" if self.outputs == self.channels else f"-{self.outputs}"
        return f"{self.channels}{outputs}@{self.size}" + (f"/{self.stride}" * (self.stride > 1))

    @property
    def attrs(self) -> dict[str, Any]:
        """The geometry as attributes of our operators, channels last."""
        return {
            "strides": [self.stride] * 2,
            "padding": [1] * 4,
            "dilation": [1, 1],
            "groups": 1,
            "data_layout": "NHWC",
        }

    def image(self) -> NDArray[np.float32]:
        """Random activations (1, size, size, channels)."""
        shape = (1, self.size, self.size, self.channels)
        return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)

    def levels(self, bits: int) -> NDArray[np.uint8]:
        """The activations rounded to levels of so many bits, those of 2 and above to the top."""
        top = 2**bits - 1
        return np.rint(np.clip(self.image() / 2, 0, 1) * top).astype(np.uint8)

    def scale(self) -> NDArray[np.float32]:
        """A factor for each output channel, some of them negative."""
        return np.random.default_rng(1).uniform(-1, 1, self.outputs).astype(np.float32)

    def weights(self, kernels: int, unit: int) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        """Random subset (kernels, unit, 3, 3) and indices (outputs, channels / unit)."""
        generator = np.random.default_rng(2)
        codes = generator.choice(2 ** (9 * unit), kernels, replace=False)
        signs = np.where(codes[:, None] >> np.arange(9 * unit) & 1, 1, -1)
        indices = generator.integers(0, kernels, (self.outputs, self.channels // unit))
        return signs.reshape(kernels, unit, 3, 3).astype(np.int8), indices.astype(np.uint8)

    def signs(self) -> NDArray[np.int8]:
        """Random weights (outputs, channels, 3, 3) of +1 and -1, each kernel its own."""
        generator = np.random.default_rng(3)
        return generator.choice(np.array([-1, 1], np.int8), (self.outputs, self.channels, 3, 3))


LAYERS: dict[str, Layer] = {
    layer.name: layer
    for layer in (
        Layer(64, 64, 56, 1, 4),
        Layer(64, 128, 56, 2, 1),
        Layer(128, 128, 28, 1, 3),
        Layer(128, 256, 28, 2, 1),
        Layer(256, 256, 14, 1, 3),
        Layer(256, 512, 14, 2, 1),
        Layer(512, 512, 7, 1, 3),
    )
}


def layers_named(names: str) -> list[Layer]:
    """Return the layers that a list such as "64@56,512@7" names; "all" and "none" are known too.

    Raises SnnError for a name that is none of them.
    """
    if names in ("all", "none"):
        return list(LAYERS.values()) if names == "all" else []
    unknown = [name for name in names.split(",") if name not in LAYERS]
    if unknown:
        raise SnnError(f"There is no layer {unknown[0]!r}; there are {', '.join(LAYERS)}.")
    return [LAYERS[name] for name in names.split(",")]
