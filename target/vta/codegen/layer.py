"""What the code generator is given: convolutions, what follows them, and where data comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ....errors import TargetError
from ..isa.instruction_set import Plane, Vector, Window

OUTSIDE = ""
"""Stands for a layer's name where data is put into DRAM before the program runs."""

_UNITS_OF_EIGHT = 8


@dataclass(frozen=True)
class Epilogue:
    """What the ALU does with accumulators; see simulator/epilogue.py for the arithmetic."""

    affine: bool = False
    shift: int = 0
    prelu: bool = False
    clip: bool = False
    requantize: int = 0
    parameters: Mapping[str, np.ndarray | int] = field(default_factory=dict)
    """As :func:`pack_parameters` takes them: numbers, or arrays of one number an output."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution whose weights are indices into a subset of binary kernels.

    Raises TargetError when its parts do not fit together.
    """

    name: str
    height: int
    """Rows of the image."""
    width: int
    """Columns of the image."""
    indices: np.ndarray
    """(outputs, units). With `binary`, the 9-bit kernels themselves; with `negation`, the top bit
    of `tau` negates the kernel."""
    tau: int
    """Bits of an index; 9 with `binary`."""
    subset: np.ndarray | None = None
    """9-bit kernels (parts, kernels); two parts for units of two channels. None with `binary`."""
    stride: int = 1
    padding: int | tuple[int, int, int, int] = 1
    """Rows and columns of zeros: as many at each border, or at top, left, bottom and right."""
    window: Window = Window.SQUARE
    """COLUMN: a 1x1 convolution in units of eight channels."""
    binary: bool = False
    negation: bool = False
    epilogue: Epilogue = Epilogue()
    plane: Plane = Plane.NONE
    """What is stored channel by channel."""
    vector: Vector = Vector.NONE
    """What is made for a following layer."""
    exported: bool = False
    """Whether the vectors are results, too: they are stored then, whoever reads them on chip."""
    image: str = OUTSIDE
    """The layer whose vectors are the image."""
    residual: str | None = None
    """The layer whose TRUNK is added, or OUTSIDE."""

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        for condition, message in self._rules():
            if not condition:
                raise TargetError(f"Layer {self.name!r}: {message}")

    def _rules(self) -> tuple[tuple[bool, str], ...]:
        highest = int(self.indices.max(initial=0))
        kernels = self.kernels << self.negation
        return (
            (self.stride in (1, 2), f"stride is {self.stride}, expected 1 or 2"),
            (
                all(0 <= pad <= 15 for pad in self.pads),
                f"padding is {self.padding}, expected 0 to 15",
            ),
            (
                self.out_height > 0 and self.out_width > 0,
                f"an image of {self.height} x {self.width} with padding {self.padding} has no "
                "place for a window",
            ),
            (
                self.binary == (self.subset is None),
                "binary convolutions take no subset, all others one",
            ),
            (
                not self.binary or (self.tau == 9 and self.window is Window.SQUARE),
                "a binary convolution has tau 9 and 3x3 windows",
            ),
            (
                self.binary or highest < kernels,
                f"index {highest} of {kernels} kernels",
            ),
            (
                self.plane is not Plane.NONE or self.vector is not Vector.NONE,
                "nothing is made of the accumulators: give a plane or a vector",
            ),
        )

    @property
    def outputs(self) -> int:
        """Output channels."""
        return len(self.indices)

    @property
    def kernels(self) -> int:
        """Kernels of the subset; in a binary convolution, all there are."""
        return 512 if self.subset is None else self.subset.shape[1]

    @property
    def unit_vectors(self) -> int:
        """Activation vectors that the units of one vector of lanes take: channels of a unit."""
        if self.window is Window.COLUMN:
            return _UNITS_OF_EIGHT
        return 1 if self.subset is None else len(self.subset)

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return self.indices.shape[1] * self.unit_vectors

    @property
    def out_height(self) -> int:
        """Rows of the result."""
        top, _, bottom, _ = self.pads
        return self._positions(top + self.height + bottom)

    @property
    def out_width(self) -> int:
        """Columns of the result."""
        _, left, _, right = self.pads
        return self._positions(left + self.width + right)

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """Zeros at top, left, bottom and right."""
        return (self.padding,) * 4 if isinstance(self.padding, int) else self.padding

    @property
    def count(self) -> int:
        """Pixels of the result."""
        return self.out_height * self.out_width

    @property
    def window_rows(self) -> int:
        """Image rows that a window covers."""
        return 3 if self.window is Window.SQUARE else 1

    def _positions(self, size: int) -> int:
        return (size - self.window_rows) // self.stride + 1


def check_network(layers: list[Layer]) -> None:
    """Raise TargetError where a layer names one that does not come before it or does not fit."""
    known: dict[str, Layer] = {}
    for layer in layers:
        if layer.name in known or layer.name == OUTSIDE:
            raise TargetError(f"Layer {layer.name!r}: every layer needs a name of its own")
        if layer.image != OUTSIDE:
            _check_image(layer, known)
        if layer.residual not in (None, OUTSIDE):
            _check_residual(layer, known)
        known[layer.name] = layer


def _check_image(layer: Layer, known: Mapping[str, Layer]) -> None:
    source = known.get(layer.image)
    if source is None or source.vector is Vector.NONE:
        raise TargetError(
            f"Layer {layer.name!r}: its image comes from {layer.image!r}, which is no earlier "
            "layer that makes vectors"
        )
    found = (source.out_height, source.out_width, source.outputs)
    expected = (layer.height, layer.width, layer.channels)
    if found != expected:
        raise TargetError(
            f"Layer {layer.name!r}: {layer.image!r} makes an image of {found}, expected {expected}"
        )
    if layer.unit_vectors != 1:
        raise TargetError(
            f"Layer {layer.name!r}: its units of {layer.unit_vectors} channels want channels in "
            f"another order than {layer.image!r} makes them; its image has to come from outside"
        )


def _check_residual(layer: Layer, known: Mapping[str, Layer]) -> None:
    source = known.get(str(layer.residual))
    if source is None or source.plane is not Plane.TRUNK:
        raise TargetError(
            f"Layer {layer.name!r}: its residual comes from {layer.residual!r}, which is no "
            "earlier layer that stores a TRUNK"
        )
    if (source.count, source.outputs) != (layer.count, layer.outputs):
        raise TargetError(
            f"Layer {layer.name!r}: {layer.residual!r} stores {source.outputs} channels of "
            f"{source.count} pixels, expected {layer.outputs} of {layer.count}"
        )
