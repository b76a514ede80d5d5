"""Programs of one layer, small enough to lie on chip as a whole, and what they should compute."""

from dataclasses import dataclass

import numpy as np

from tvm_snn.target.vta.configuration import Configuration
from tvm_snn.target.vta.dram_layout import result_bytes, vector_bytes
from tvm_snn.target.vta.isa.encoding import Instruction, instruction
from tvm_snn.target.vta.isa.instruction_set import (
    ALU,
    BINARY_CONV,
    FINISH,
    GATHER,
    LOAD,
    LOAD_ACTIVATIONS,
    RESPOND,
    SHAPE,
    STORE_PLANES,
    STORE_VECTORS,
    Memory,
    Plane,
    Vector,
    Window,
)
from tvm_snn.target.vta.packing import (
    pack_image,
    pack_indices,
    pack_parameters,
    pack_residual,
    pack_subset,
    unpack_planes,
)

FROM_LOAD, FROM_STORE, TO_STORE = 1, 2, 2


@dataclass(frozen=True)
class Layer:
    """A convolution: an image, and kernels by index."""

    image: np.ndarray
    """int8 (height, width, channels)."""
    subset: np.ndarray
    """9-bit codes (parts, kernels); parts is 2 for paired units. Binary convs have 512 kernels."""
    indices: np.ndarray
    """(outputs, units); with `negation`, the top bit of tau says that the kernel is negated."""
    tau: int
    stride: int = 1
    padding: int | tuple[int, int, int, int] = 1
    """The same at each border, or at top, left, bottom and right."""
    binary: bool = False
    negation: bool = False
    window: Window = Window.SQUARE

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """Zeros at top, left, bottom and right."""
        return (self.padding,) * 4 if isinstance(self.padding, int) else self.padding

    def weights(self) -> np.ndarray:
        """Return int64 weights (outputs, channels, taps)."""
        low = self.indices & ((1 << (self.tau - 1)) - 1) if self.negation else self.indices
        codes = self.subset[:, low]
        signs = ((codes[..., None] >> np.arange(9)) & 1) * 2 - 1
        if self.negation:
            signs = signs * (1 - 2 * (self.indices >> (self.tau - 1)))[..., None]
        if self.window is Window.COLUMN:
            # Lane c of a block of units takes the channels c of eight successive vectors.
            return signs[0, ..., :8]
        parts, outputs, units, taps = signs.shape
        return signs.transpose(1, 2, 0, 3).reshape(outputs, units * parts, taps)


def expected(layer: Layer) -> np.ndarray:
    """Return what the layer computes: int64 (outputs, rows, columns), by plain convolution."""
    weights, image = layer.weights(), layer.image.astype(np.int64)
    if layer.window is Window.COLUMN:
        picked = image[:: layer.stride, :: layer.stride]
        return np.einsum("yxut,out->oyx", picked.reshape(*picked.shape[:2], -1, 8), weights)
    top, left, bottom, right = layer.pads
    padded = np.pad(image, ((top, bottom), (left, right), (0, 0)))
    rows, columns = ((size - 3) // layer.stride + 1 for size in padded.shape[:2])
    total = np.zeros((len(weights), rows, columns), np.int64)
    for tap in range(9):
        i, j = divmod(tap, 3)
        part = padded[i : i + layer.stride * rows : layer.stride, j:]
        part = part[:, : layer.stride * columns : layer.stride][:, :columns]
        total += np.einsum("yxc,oc->oyx", part, weights[:, :, tap])
    return total


@dataclass
class Built:
    """A program, its DRAM, and where its results will be."""

    program: list[Instruction]
    dram: np.ndarray
    planes_at: int
    vectors_at: int
    outputs: int
    pixels: int

    def results(self, kind: Plane, hardware: Configuration) -> np.ndarray:
        """Return the planes that the program has written: (outputs, pixels)."""
        return unpack_planes(self.dram[self.planes_at :], kind, self.outputs, self.pixels, hardware)


def build(
    layer: Layer,
    hardware: Configuration,
    *,
    plane: Plane = Plane.ACCUMULATOR,
    vector: Vector = Vector.NONE,
    parameters: dict[str, np.ndarray] | None = None,
    residual: np.ndarray | None = None,
    **epilogue: int,
) -> Built:
    """Return the program of a layer. `epilogue` are fields of ALU; `residual` (outputs, pixels)."""
    rows, columns = expected(layer).shape[1:]
    height, width, _ = layer.image.shape
    pixels, count = hardware.pixels, rows * columns
    tiles = -(-count // pixels)
    groups = -(-len(layer.indices) // hardware.adders)
    outputs = groups * hardware.adders
    parts = len(layer.subset)
    image = _vectors_first(layer, hardware)
    image_blocks = -(-image.shape[2] // hardware.channels)
    blocks = -(-layer.indices.shape[1] // hardware.channels)
    pitch = -(-height // 4) * width
    memory = _Dram(hardware)

    packed = pack_image(image, hardware)
    codes = layer.subset[0][layer.indices] if layer.binary else layer.indices
    planes = 9 if layer.binary else layer.tau
    load = [
        instruction(
            LOAD_ACTIVATIONS,
            rows=height,
            width=width,
            blocks=image_blocks,
            pitch=pitch,
            address=memory.put(packed),
            stride=len(packed) // image_blocks // hardware.bus_bytes,
        ),
        _load(
            memory,
            Memory.SUBSET,
            pack_subset(layer.subset.reshape(-1)[: hardware.subset_lines]),
            min(layer.subset.size, hardware.subset_lines),
            post=1,
        ),
        _load(
            memory,
            Memory.INDEX,
            pack_indices(codes, planes, hardware),
            blocks * groups,
            planes=planes,
            post=2,
        ),
    ]
    if residual is not None:
        whole = np.zeros((outputs, count), np.int16)
        whole[: len(residual)] = residual
        load.append(_load(memory, Memory.RESIDUAL, pack_residual(whole, hardware), tiles * outputs))
    load.append(
        _load(
            memory,
            Memory.PARAMETER,
            pack_parameters(outputs, **_filled_up(parameters or {}, outputs)),
            outputs,
            post=4,
        )
    )
    shape = instruction(
        SHAPE,
        window=layer.window,
        stride=layer.stride,
        pad_top=layer.pads[0],
        pad_left=layer.pads[1],
        height=height,
        width=width,
        out_width=columns,
        pitch=pitch,
        parts=parts - 1,
    )
    if layer.binary:
        work = [
            instruction(
                BINARY_CONV,
                groups=groups,
                blocks=blocks,
                count=count,
                wait=FROM_LOAD,
                second_wait=FROM_LOAD,
            )
        ]
    else:
        work = [
            instruction(
                RESPOND,
                kernels=layer.subset.shape[1],
                blocks=blocks,
                count=count,
                wait=FROM_LOAD,
            ),
            instruction(
                GATHER,
                groups=groups,
                blocks=blocks,
                tiles=tiles,
                sign=layer.tau if layer.negation else 0,
                wait=FROM_LOAD,
            ),
        ]
    planes_at = memory.reserve(tiles * outputs * result_bytes(plane, hardware))
    vector_lines = tiles * pixels * -(-outputs // hardware.channels)
    vectors_at = memory.reserve(vector_lines * vector_bytes(hardware))
    store = [
        instruction(
            ALU,
            tiles=tiles,
            groups=groups,
            plane=plane,
            vector=vector,
            residual=residual is not None,
            wait=FROM_LOAD,
            post=TO_STORE,
            **epilogue,
        ),
        instruction(
            STORE_PLANES, plane=plane, count=tiles * outputs, address=planes_at, wait=FROM_LOAD
        ),
    ]
    if vector is not Vector.NONE:
        store.append(instruction(STORE_VECTORS, count=vector_lines, address=vectors_at))
    program = [*load, shape, *work, *store, instruction(FINISH)]
    return Built(program, memory.array(), planes_at, vectors_at, outputs, count)


def _filled_up(parameters: dict[str, np.ndarray], outputs: int) -> dict[str, np.ndarray]:
    return {name: np.pad(values, (0, outputs - len(values))) for name, values in parameters.items()}


def _vectors_first(layer: Layer, hardware: Configuration) -> np.ndarray:
    """Return the image with its channels where the lanes look for them."""
    # Lane c of vector g * b + j holds channel j of unit b * channels + c.
    group = len(layer.subset) if layer.window is Window.SQUARE else 8
    height, width, channels = layer.image.shape
    units, lanes = channels // group, hardware.channels
    blocks = -(-units // lanes)
    padded = np.zeros((height, width, blocks * lanes, group), np.int8)
    padded[:, :, :units] = layer.image.reshape(height, width, units, group)
    lanes_last = padded.reshape(height, width, blocks, lanes, group).transpose(0, 1, 2, 4, 3)
    return lanes_last.reshape(height, width, -1)


class _Dram:
    def __init__(self, hardware: Configuration) -> None:
        self._parts: list[tuple[int, np.ndarray]] = []
        self._end = 0
        self._hardware = hardware

    def put(self, data: np.ndarray) -> int:
        place = self.reserve(len(data))
        self._parts.append((place, data))
        return place

    def reserve(self, size: int) -> int:
        place = self._end
        self._end = -(-(place + size) // 64) * 64
        return place

    def array(self) -> np.ndarray:
        memory = np.zeros(self._end, np.uint8)
        for place, data in self._parts:
            memory[place : place + len(data)] = data
        return memory


def _load(memory: _Dram, kind: Memory, data: np.ndarray, count: int, **fields: int) -> Instruction:
    return instruction(LOAD, memory=kind, count=count, address=memory.put(data), **fields)


def two_blocks(hardware: Configuration) -> Built:
    """Return a layer of two channel blocks and 6 pixels: two tiles, vectors and planes stored."""
    rng = np.random.default_rng(0)
    layer = Layer(
        rng.integers(-128, 128, (2, 3, 16)).astype(np.int8),
        rng.permutation(512)[:16][None],
        rng.integers(0, 16, (20, 16)),
        4,
    )
    return build(layer, hardware, plane=Plane.TRUNK, vector=Vector.SIGN)
