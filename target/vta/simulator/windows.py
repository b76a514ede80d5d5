"""What the lanes see of the image: the windows of a tile of pixels."""

from dataclasses import dataclass

import numpy as np

from ..configuration import Configuration
from ..isa.encoding import Instruction
from ..isa.instruction_set import Window
from .trap import Trap, TrapError

TAPS = 9
"""Activations of a window."""

_LINE_MASK = (1 << 14) - 1


@dataclass(frozen=True)
class Geometry:
    """What SHAPE has set."""

    window: Window
    stride: int
    pad_top: int
    pad_left: int
    height: int
    width: int
    out_width: int
    pitch: int
    parts: int

    @staticmethod
    def of(shape: Instruction) -> "Geometry":
        """Take the fields of a SHAPE instruction."""
        names = ("stride", "pad_top", "pad_left", "height", "width", "out_width", "pitch")
        values = {name: shape[name] for name in names}
        return Geometry(window=Window(shape["window"]), parts=shape["parts"] + 1, **values)


class Tiles:
    """The tiles of a run of output pixels, and their windows."""

    def __init__(
        self, given: Instruction, geometry: Geometry, hardware: Configuration, banks: np.ndarray
    ) -> None:
        """Take the position from a RESP or BCONV instruction; `banks` are the activation banks."""
        self._given, self._geometry, self._hardware = given, geometry, hardware
        self._banks = banks
        self.count = -(-given["count"] // hardware.pixels)

    def window(self, tile: int, block: int, part: int) -> np.ndarray:
        """Return the windows of a tile: int8 of shape (pixels, channels, taps).

        `block` counts blocks of units, `part` the channels of a unit. Taps outside of the image,
        and pixels past the run's last, are zero.
        """
        pixels, shape = self._hardware.pixels, self._geometry
        number = tile * pixels + np.arange(pixels)
        column = self._given["x"] + number
        y, x = self._given["y"] + column // shape.out_width, column % shape.out_width
        taps = [
            self._tap(y, x, tap, block, part, number < self._given["count"]) for tap in range(TAPS)
        ]
        return np.stack(taps, axis=-1)

    def _tap(
        self, y: np.ndarray, x: np.ndarray, tap: int, block: int, part: int, live: np.ndarray
    ) -> np.ndarray:
        shape, given = self._geometry, self._given
        row, column = divmod(tap, 3) if shape.window is Window.SQUARE else (0, 0)
        rows = y * shape.stride + row - shape.pad_top
        columns = x * shape.stride + column - shape.pad_left
        inside = live & (rows >= 0) & (rows < shape.height)
        inside &= (columns >= 0) & (columns < shape.width)
        if shape.window is Window.SQUARE:
            source = block * shape.parts + part
        else:
            source = block * (TAPS - 1) + tap
            inside &= tap < TAPS - 1
        line = given["line"] + source * shape.pitch + (rows >> 2) * shape.width + columns
        line &= _LINE_MASK
        beyond = inside & (line >= self._hardware.activation_lines)
        if beyond.any():
            raise TrapError(
                Trap.ADDRESS,
                f"activation line {line[beyond][0]} of {self._hardware.activation_lines}",
            )
        taken = self._banks[rows & 3, np.where(inside, line, 0)]
        return np.where(inside[:, None], taken, np.int8(0))
