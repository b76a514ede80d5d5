"""Where a program takes its data and leaves its results, and in which form: all that a host needs.

Hosts have images channels-last, (height, width, channels), as the accelerator takes and makes them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....errors import TargetError
from ..configuration import Configuration
from ..dram_layout import result_bytes, vector_bytes
from ..isa.instruction_set import Plane
from ..packing import pack_image, pack_residual, unpack_planes
from ..simulator.loading import unpack_vectors
from .geometry import block_bytes

_DTYPES = {
    "image": "int8",
    "residual": "int16",
    "accumulator": "int32",
    "trunk": "int16",
    "activations": "int8",
}
INPUTS = ("image", "residual")
"""Forms that a host writes; the others it reads."""


@dataclass(frozen=True)
class Port:
    """One tensor in a program's memory."""

    form: str
    """"image", "residual", "accumulator", "trunk" or "activations"."""
    layer: str
    """The layer that reads or makes it."""
    address: int
    """Of its first byte."""
    shape: tuple[int, int, int]
    """Height, width and channels."""
    arrangement: int
    """Of an image: channels of a unit. Of the others: channels, filled up to whole groups."""

    def __post_init__(self) -> None:
        """Check the form."""
        if self.form not in _DTYPES:
            raise TargetError(f"Layer {self.layer!r}: no data has the form {self.form!r}")

    @property
    def dtype(self) -> str:
        """Type of the elements, as the host has them."""
        return _DTYPES[self.form]

    def size(self, hardware: Configuration) -> int:
        """Return the bytes that the tensor takes."""
        height, width, channels = self.shape
        count = height * width
        if self.form in ("image", "activations"):
            units = channels // (self.arrangement if self.form == "image" else 1)
            blocks = -(-units // hardware.channels) * (channels // units)
            return blocks * block_bytes(count, hardware)
        kind = Plane.ACCUMULATOR if self.form == "accumulator" else Plane.TRUNK
        tiles = -(-count // hardware.pixels)
        return tiles * self.arrangement * result_bytes(kind, hardware)

    def pack(self, array: NDArray, hardware: Configuration) -> NDArray[np.uint8]:
        """Return the bytes of an input. Raises TargetError for another shape or type.

        An image may be levels, too: uint8, of which those of a layer on the accelerator fit int8.
        """
        if self.form == "image" and array.dtype == np.uint8:
            array = array.view(np.int8)
        if array.shape != self.shape or str(array.dtype) != self.dtype or self.form not in INPUTS:
            raise TargetError(
                f"Layer {self.layer!r}: its {self.form} is {self.dtype}{list(self.shape)}, given "
                f"is {array.dtype}{list(array.shape)}"
            )
        if self.form == "image":
            return pack_image(self._arranged(array, hardware), hardware)
        whole = np.zeros((self.arrangement, self.shape[0] * self.shape[1]), np.int16)
        whole[: self.shape[2]] = array.reshape(-1, self.shape[2]).T
        return pack_residual(whole, hardware)

    def unpack(self, data: NDArray[np.uint8], hardware: Configuration) -> NDArray:
        """Return a result (height, width, channels) from its bytes."""
        height, width, channels = self.shape
        count = height * width
        if self.form == "activations":
            blocks = -(-channels // hardware.channels)
            used = data.reshape(blocks, -1)[:, : count * vector_bytes(hardware)]
            vectors = unpack_vectors(used.reshape(blocks * count, -1), hardware)
            pixels = vectors.reshape(blocks, count, -1).transpose(1, 0, 2).reshape(count, -1)
            return np.ascontiguousarray(pixels[:, :channels]).reshape(self.shape)
        kind = Plane.ACCUMULATOR if self.form == "accumulator" else Plane.TRUNK
        planes = unpack_planes(data, kind, self.arrangement, count, hardware)
        return np.ascontiguousarray(planes[:channels].T).reshape(self.shape)

    def _arranged(self, image: NDArray, hardware: Configuration) -> NDArray:
        """Return an image with channels where lanes look for them.

        Lane c of vector g * b + j holds channel j of unit b * channels + c, for units of g
        channels.
        """
        group, lanes = self.arrangement, hardware.channels
        height, width, channels = image.shape
        units = channels // group
        blocks = -(-units // lanes)
        padded = np.zeros((height, width, blocks * lanes, group), np.int8)
        padded[:, :, :units] = image.reshape(height, width, units, group)
        arranged = padded.reshape(height, width, blocks, lanes, group).transpose(0, 1, 2, 4, 3)
        return arranged.reshape(height, width, -1)
