"""Flat pixel planes: the form in which gathers read and write images.

A channel of the image is padded with zeros and kept as one row-major plane, `pitch` pixels a row.
Output pixel (y, x) is number q = y*pitch + x, and the input pixel that tap (i, j) needs lies a
*constant* distance further on, whatever q is. So a block of neighbouring pixels is one contiguous
vector for every tap, across the ends of rows; the few pixels at row ends that belong to no output
are computed and dropped. With stride s the image is first sorted into s*s phases by the remainder
of its coordinates, within which the taps again lie at constant distances.
"""

from dataclasses import dataclass

from tvm import relax, te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ..ops import ConvGeometry, image_size
from ..tvm_api import attrs_dict
from .decode import weight_shape


@dataclass(frozen=True)
class Convolution:
    """The shape of one convolution, all sizes static."""

    batch: int
    groups: int
    channels: int
    """Input channels of one group."""
    outputs: int
    """Output channels of one group."""
    height: int
    width: int
    kernel: tuple[int, int]
    geometry: ConvGeometry

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the result."""
        return self.geometry.output_size(self.height, self.width, self.kernel)

    @property
    def reach(self) -> tuple[int, int]:
        """Height and width of the image with its border, as far as taps reach."""
        geometry = self.geometry
        sizes = zip(self.output_size, geometry.strides, self.kernel, geometry.dilation, strict=True)
        rows, columns = (
            (size - 1) * stride + (kernel - 1) * dilation + 1
            for size, stride, kernel, dilation in sizes
        )
        return rows, columns

    @property
    def taps(self) -> int:
        """Weights of one kernel in one input channel."""
        return self.kernel[0] * self.kernel[1]


def convolution_of(call: relax.Call, outputs: int, kernel: tuple[int, int]) -> Convolution:
    """Return the convolution that a call of one of our operators computes."""
    geometry = ConvGeometry.from_attrs(attrs_dict(call))
    channels = weight_shape(call)[1] * geometry.groups
    return convolution(image_size(call, geometry, channels), outputs, kernel, geometry)


def convolution(
    image: tuple[int, int, int, int], outputs: int, kernel: tuple[int, int], geometry: ConvGeometry
) -> Convolution:
    """Return the convolution of an image (batch, channels, height, width)."""
    n, channels, height, width = image
    groups = geometry.groups
    return Convolution(
        n, groups, channels // groups, outputs // groups, height, width, kernel, geometry
    )


@dataclass(frozen=True)
class Planes:
    """How the image of a convolution lies in flat planes, in blocks of `block` output pixels."""

    conv: Convolution
    block: int
    slack: int = 0
    """Pixels that may be read past what the taps of the last block need."""

    @property
    def phases(self) -> tuple[int, int]:
        """Phases that the taps read, vertically and horizontally."""
        return self._phases(0), self._phases(1)

    @property
    def pitch(self) -> int:
        """Pixels in a row of a plane.

        Without strides, the zeros at the end of a row serve as those before the next one.
        """
        _, left, _, right = self.conv.geometry.padding
        shared = min(left, right) if self._steps[0] == (1, 1) else 0
        return max(1, self.conv.output_size[1] + self._reach(1) - shared)

    @property
    def blocks(self) -> int:
        """Blocks of output pixels in an image."""
        return -(-self.pixels // self.block)

    @property
    def pixels(self) -> int:
        """Output pixels of an image, those between rows included."""
        height, width = self.conv.output_size
        return (height - 1) * self.pitch + width

    @property
    def rows(self) -> int:
        """Rows of a plane: enough for every tap of the last, partly empty block."""
        taps = self._reach(0) * self.pitch + self._reach(1)
        return (self.blocks * self.block - 1 + taps + self.slack) // self.pitch + 1

    @property
    def area(self) -> int:
        """Pixels of one phase of a channel."""
        return self.rows * self.pitch

    def shape(self, channels: int) -> tuple[int, ...]:
        """Return the shape of planes (N, groups*channels, phases, rows, pitch)."""
        planes = (self.conv.batch, self.conv.groups * channels, *self.phases)
        return (*planes, self.rows, self.pitch)

    def distance(self, i: Expr | int, j: Expr | int) -> Expr | int:
        """Distance, within its phase, from an output pixel's number to what tap (i, j) reads."""
        (stride_y, stride_x), (dilation_y, dilation_x) = self._steps
        return i * dilation_y // stride_y * self.pitch + j * dilation_x // stride_x

    def phase(self, i: Expr | int, j: Expr | int) -> tuple[Expr | int, Expr | int]:
        """Vertical and horizontal phase in which tap (i, j) reads."""
        (stride_y, stride_x), (dilation_y, dilation_x) = self._steps
        return i * dilation_y % stride_y, j * dilation_x % stride_x

    def load(
        self, planes: te.Tensor, n: Expr, c: Expr, q: Expr, i: Expr | int, j: Expr | int
    ) -> Expr:
        """Return the input of output pixel q at tap (i, j), channel c over all groups, image n."""
        f = q + self.distance(i, j)
        return planes[n, c, *self.phase(i, j), f // self.pitch, f % self.pitch]

    def load_vector(
        self, planes: te.Tensor, n: Expr, c: Expr, q: Expr, tap: tuple[int, int], lanes: int
    ) -> Expr:
        """Return the inputs of `lanes` output pixels from q on at a tap, as one vector."""
        f = q + self.distance(*tap)
        return planes[n, c, *self.phase(*tap), 0, T.ramp(f, 1, lanes)]

    def read(self, data: te.Tensor, channels: int | None = None, fill: int = 0) -> te.Tensor:
        """Stage that brings the image into planes (N, groups*channels, phases, rows, pitch).

        `channels` a group are written; those past the image's own are `fill`, as padding is.
        """
        channels = self.conv.channels if channels is None else channels
        (stride_y, stride_x), _ = self._steps
        image = self._padded(data, channels, fill)
        if (stride_y, stride_x) == (1, 1):
            return image
        return te.compute(
            self.shape(channels),
            lambda n, c, a, b, y, x: image[n, c, 0, 0, y * stride_y + a, x * stride_x + b],
            name="phases",
        )

    def write(self, flat: te.Tensor, dtype: str, group_rows: int | None = None) -> te.Tensor:
        """Stage that takes results (N, groups*group_rows, blocks*block) back into the data layout.

        `group_rows`, by default a group's outputs, counts the rows that the core wrote a group.
        The stage is a plain rearrangement, so that elementwise operators after it can be inlined.
        """
        conv = self.conv
        height, width = conv.output_size
        shape = conv.geometry.in_layout(conv.batch, conv.groups * conv.outputs, height, width)
        rows = conv.outputs if group_rows is None else group_rows

        def pixel(n: Expr, o: Expr, y: Expr, x: Expr) -> Expr:
            row = o if rows == conv.outputs else o // conv.outputs * rows + o % conv.outputs
            return flat[n, row, y * self.pitch + x].astype(dtype)

        channels_first = conv.geometry.data_layout == "NCHW"
        return te.compute(
            [tirx.IntImm("int64", size) for size in shape],
            pixel if channels_first else lambda n, y, x, o: pixel(n, o, y, x),
            name="image",
        )

    def _padded(self, data: te.Tensor, channels: int, fill: int) -> te.Tensor:
        conv = self.conv
        top, left, _, _ = conv.geometry.padding
        (stride_y, stride_x), _ = self._steps
        outside = tirx.const(fill, data.dtype)

        def pixel(n: Expr, c: Expr, _a: Expr, _b: Expr, y: Expr, x: Expr) -> Expr:
            row, column = y - top, x - left
            if channels == conv.channels:
                source, inside = c, []
            else:
                source = c // channels * conv.channels + c % channels
                inside = [c % channels < conv.channels]
            inside += [row >= 0, row < conv.height, column >= 0, column < conv.width]
            index = conv.geometry.in_layout(n, source, row, column)
            return tirx.if_then_else(tirx.all(*inside), data(*index), outside)

        shape = (
            conv.batch,
            conv.groups * channels,
            1,
            1,
            self.rows * stride_y,
            self.pitch * stride_x,
        )
        return te.compute(shape, pixel, name="padded")

    @property
    def _steps(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return self.conv.geometry.strides, self.conv.geometry.dilation

    def _reach(self, axis: int) -> int:
        strides, dilation = self._steps
        return max(i * dilation[axis] // strides[axis] for i in range(self.conv.kernel[axis]))

    def _phases(self, axis: int) -> int:
        strides, dilation = self._steps
        return 1 + max(i * dilation[axis] % strides[axis] for i in range(self.conv.kernel[axis]))


def whole(buffer: tirx.Buffer) -> tirx.BufferRegion:
    """Return all of a buffer, for blocks whose accesses TVM cannot analyse."""
    return buffer[tuple(slice(0, size) for size in buffer.shape)]
