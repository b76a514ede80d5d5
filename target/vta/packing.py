"""Host arrays as the bytes that the accelerator loads, and results back."""

import numpy as np

from .configuration import Configuration
from .dram_layout import PARAMETER_BYTES, line_bytes, plane_bytes, result_bytes
from .isa.instruction_set import Memory, Plane
from .simulator.loading import pack_vectors


def pack_image(image: np.ndarray, hardware: Configuration) -> np.ndarray:
    """Return an image, int8 (height, width, channels), as vectors: block, row, column.

    The channels are filled up with zeros to whole vectors, each block to whole bus words.
    """
    height, width, channels = image.shape
    blocks = -(-channels // hardware.channels)
    padded = np.zeros((height, width, blocks * hardware.channels), np.int8)
    padded[..., :channels] = image
    vectors = padded.reshape(height * width, blocks, hardware.channels).transpose(1, 0, 2)
    data = pack_vectors(vectors.reshape(-1, hardware.channels), hardware).reshape(blocks, -1)
    return np.pad(data, ((0, 0), (0, -data.shape[1] % hardware.bus_bytes))).reshape(-1)


def pack_subset(kernels: np.ndarray) -> np.ndarray:
    """Return 9-bit kernels, two bytes each."""
    return kernels.astype("<u2").view(np.uint8)


def pack_indices(indices: np.ndarray, planes: int, hardware: Configuration) -> np.ndarray:
    """Return indices (outputs, units) as lines of bit planes: block of units, group of outputs.

    Outputs and units are filled up with index 0.
    """
    outputs, units = indices.shape
    blocks, groups = -(-units // hardware.channels), -(-outputs // hardware.adders)
    padded = np.zeros((groups * hardware.adders, blocks * hardware.channels), np.uint16)
    padded[:outputs, :units] = indices
    split = padded.reshape(groups, hardware.adders, blocks, hardware.channels)
    lines = split.transpose(2, 0, 1, 3).reshape(blocks * groups, 1, -1)
    bits = (lines >> np.arange(planes)[:, None]) & 1
    packed = np.packbits(bits.astype(np.uint8), axis=-1, bitorder="little")
    assert packed.shape[-1] == plane_bytes(hardware)
    return packed.reshape(-1)


def pack_parameters(
    outputs: int,
    *,
    scale: np.ndarray | int = 1,
    slope: np.ndarray | int = 0,
    bias: np.ndarray | int = 0,
    threshold: np.ndarray | int = 0,
    low: np.ndarray | int = -(1 << 15),
    high: np.ndarray | int = (1 << 15) - 1,
) -> np.ndarray:
    """Return the parameter lines of output channels."""
    columns: list[tuple[np.ndarray | int, str]]
    columns = [(scale, "<i2"), (slope, "<i2"), (bias, "<i4"), (threshold, "<i4")]
    columns += [(low, "<i2"), (high, "<i2")]
    parts = [
        np.ascontiguousarray(np.broadcast_to(np.asarray(value), (outputs,)).astype(dtype))
        .view(np.uint8)
        .reshape(outputs, -1)
        for value, dtype in columns
    ]
    lines = np.concatenate(parts, axis=1)
    assert lines.shape[1] == PARAMETER_BYTES
    return lines.reshape(-1)


def pack_residual(residual: np.ndarray, hardware: Configuration) -> np.ndarray:
    """Return a residual, int16 (outputs, pixels of the run), tile by tile, output by output."""
    outputs, count = residual.shape
    size = line_bytes(Memory.RESIDUAL, hardware, 0) // 2
    tiles = -(-count // hardware.pixels)
    run = np.zeros((outputs, tiles * hardware.pixels), "<i2")
    run[:, :count] = residual
    lines = np.zeros((tiles, outputs, size), "<i2")
    lines[..., : hardware.pixels] = run.reshape(outputs, tiles, -1).transpose(1, 0, 2)
    return lines.reshape(-1).view(np.uint8)


def unpack_planes(
    data: np.ndarray, kind: Plane, outputs: int, count: int, hardware: Configuration
) -> np.ndarray:
    """Return the results of a run, (outputs, count), int32 or int16, from what STPLN wrote.

    `outputs` are those of the instruction: groups * adders.
    """
    dtype = "<i4" if kind is Plane.ACCUMULATOR else "<i2"
    size = result_bytes(kind, hardware)
    tiles = -(-count // hardware.pixels)
    lines = data[: tiles * outputs * size].view(dtype).reshape(tiles, outputs, -1)
    run = lines[..., : hardware.pixels].transpose(1, 0, 2).reshape(outputs, -1)
    return run[:, :count]
