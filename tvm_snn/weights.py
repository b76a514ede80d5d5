"""The constants of a network, and how compactly each is stored.

Signs take one bit, indices tau bits, everything else the width of its dtype.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import ArtifactError


@dataclass(frozen=True)
class Weight:
    """A constant of a network, a parameter of its `main`."""

    name: str
    array: NDArray
    bits: int
    """Bits that an element carries: 1 for signs, tau for indices, the dtype's width otherwise."""
    signs: bool = False
    """Whether the elements are +1 and -1 (int8), stored as 1 and 0."""
    bound: int | None = None
    """For indices (uint8): the size of the subset, which no index may reach."""

    @property
    def stored_bytes(self) -> int:
        """Size of the packed weight."""
        return packed_size(self.array.size, self.bits)


def packed_size(count: int, bits: int) -> int:
    """Return the bytes that `count` elements of `bits` bits take."""
    return (count * bits + 7) // 8


def pack(weight: Weight) -> bytes:
    """Return the elements of a weight in C order, `bits` bits each, least significant bit first."""
    if weight.bits == 8 * weight.array.dtype.itemsize:
        return np.ascontiguousarray(weight.array).astype(_little(weight.array.dtype)).tobytes()
    values = (weight.array > 0) if weight.signs else weight.array
    spread = values.reshape(-1, 1).astype(np.uint8) >> np.arange(weight.bits, dtype=np.uint8)
    return np.packbits(spread & 1, bitorder="little").tobytes()


def unpack(
    data: bytes,
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    bits: int,
    *,
    signs: bool,
    bound: int | None,
) -> Weight:
    """Return the weight that :func:`pack` has packed.

    Raises ArtifactError when `data` has another size than the shape asks for, or when an index
    lies outside of its subset.
    """
    count = int(np.prod(shape, dtype=np.int64))
    if len(data) != packed_size(count, bits):
        raise ArtifactError(
            f"Weight {name!r} has {len(data)} bytes, but shape {shape} at {bits} bits takes "
            f"{packed_size(count, bits)}. The artifact is damaged: compile it anew."
        )
    kind = np.dtype(dtype)
    if bits == 8 * kind.itemsize:
        array = np.frombuffer(data, dtype=_little(kind)).astype(kind)
    else:
        spread = np.unpackbits(np.frombuffer(data, np.uint8), count=count * bits, bitorder="little")
        places = np.left_shift(1, np.arange(bits)).astype(np.uint8)
        array = (spread.reshape(count, bits) * places).sum(axis=1, dtype=np.uint8).astype(kind)
    if bound is not None and count and int(array.max()) >= bound:
        position = int(array.argmax())
        raise ArtifactError(
            f"Weight {name!r} holds the index {int(array[position])} at position {position}, but "
            f"its subset has {bound} kernels. The artifact is damaged: compile it anew."
        )
    if signs:
        array = 2 * array - kind.type(1)
    return Weight(name, array.reshape(shape), bits, signs, bound)


def _little(dtype: np.dtype) -> np.dtype:
    return dtype.newbyteorder("<")
