"""Geometry of a two-dimensional convolution: strides, padding, dilation, groups, layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ModelError


@dataclass(frozen=True)
class ConvGeometry:
    """How a kernel moves over an image, and how the image lies in memory."""

    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Zeros added at top, left, bottom, right."""
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    data_layout: str = "NCHW"
    """"NCHW" or "NHWC", of the data and of the result."""

    @classmethod
    def from_attrs(cls, attrs: Mapping[str, Any]) -> "ConvGeometry":
        """Read the geometry off an operator's attributes; other attributes are left alone.

        Raises ModelError when a value is missing or impossible.
        """
        geometry = cls(
            strides=_positive_pair("strides", attrs["strides"]),
            padding=_padding(attrs["padding"]),
            dilation=_positive_pair("dilation", attrs["dilation"]),
            groups=int(attrs["groups"]),
            data_layout=str(attrs["data_layout"]),
        )
        if geometry.groups < 1:
            raise ModelError(f"A convolution has {geometry.groups} groups; 1 or more are expected.")
        if geometry.data_layout not in ("NCHW", "NHWC"):
            raise ModelError(
                f"A convolution has the data layout {geometry.data_layout!r}; "
                "'NCHW' and 'NHWC' are supported."
            )
        return geometry

    def attrs(self) -> dict[str, Any]:
        """Return the geometry as operator attributes."""
        return {
            "strides": list(self.strides),
            "padding": list(self.padding),
            "dilation": list(self.dilation),
            "groups": self.groups,
            "data_layout": self.data_layout,
        }

    def nchw(self, shape: Sequence[int]) -> tuple[int, int, int, int]:
        """Return (batch, channels, height, width) of data whose shape is in `data_layout`."""
        if self.data_layout == "NCHW":
            n, c, h, w = shape
        else:
            n, h, w, c = shape
        return int(n), int(c), int(h), int(w)

    def in_layout(self, n: int, c: int, h: int, w: int) -> tuple[int, int, int, int]:
        """Return the shape of an image batch in `data_layout`."""
        return (n, c, h, w) if self.data_layout == "NCHW" else (n, h, w, c)

    def output_size(self, height: int, width: int, kernel: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the result; raises ModelError when nothing is left of it."""
        top, left, bottom, right = self.padding
        size = (
            _output_length(height + top + bottom, kernel[0], self.strides[0], self.dilation[0]),
            _output_length(width + left + right, kernel[1], self.strides[1], self.dilation[1]),
        )
        if min(size) < 1:
            raise ModelError(
                f"A {kernel[0]}x{kernel[1]} kernel with dilation {self.dilation} does not fit "
                f"into an image of {height}x{width} with padding {self.padding}."
            )
        return size


def _output_length(padded: int, kernel: int, stride: int, dilation: int) -> int:
    return (padded - dilation * (kernel - 1) - 1) // stride + 1


def _positive_pair(name: str, values: Sequence[int]) -> tuple[int, int]:
    pair = tuple(int(value) for value in values)
    if len(pair) != 2 or min(pair) < 1:
        raise ModelError(f"A convolution has {name} {list(values)}; two positive numbers expected.")
    return pair[0], pair[1]


def _padding(values: Sequence[int]) -> tuple[int, int, int, int]:
    sides = tuple(int(value) for value in values)
    if len(sides) != 4 or min(sides) < 0:
        raise ModelError(
            f"A convolution has padding {list(values)}; "
            "[top, left, bottom, right], none of them negative, expected."
        )
    return sides[0], sides[1], sides[2], sides[3]
