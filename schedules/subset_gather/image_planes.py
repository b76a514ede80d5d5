"""Images, channels last, to flat planes: squares of pixels and channels are transposed."""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from dataclasses import dataclass

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..planes import Planes, whole
from .transpose import SCRATCH, SQUARE, transpose_square


@dataclass(frozen=True)
class ImagePlanes:
    """How rows of an image become planes; its channels of a group are a multiple of 8."""

    layout: Planes
    """The planes, of a whole image or of a band of its rows."""
    channels: int
    """Channels a group that are written; those past the data's own are zero."""

    @property
    def run(self) -> int:
        """Channels that are moved together: two squares of them are a cache line."""
        line = 2 * SQUARE
        return line if self.layout.conv.channels % line == 0 else SQUARE

    @property
    def runs(self) -> int:
        """Runs of channels of a group, the data's own."""
        return self.layout.conv.channels // self.run

    @property
    def rest(self) -> int:
        """Channels of a group past the data's own."""
        return self.channels - self.layout.conv.channels

    def fill(
        self,
        buffers: tuple[tirx.Buffer, tirx.Buffer, tirx.Buffer],
        images: tuple[Expr, Expr],
        channels: tuple[Expr, Expr],
        row: Expr,
        height: int,
    ) -> None:
        """Write what moves a run of channels, with zeros around it.

        `buffers` are the data, the planes, and a buffer of the shape SCRATCH; `images` and
        `channels` say where to read and write. The planes begin with row `row` of the data, which
        have `height` rows; those outside of them are zero.
        """
        layout, (_, planes, _) = self.layout, buffers
        (stride_y, stride_x), (top, left, _, _) = layout.conv.geometry.strides, self._padding
        for a in range(layout.phases[0]):
            for b in range(layout.phases[1]):
                place = images[1], channels[1], a, b
                first, end = _inside(layout.pitch, stride_x, b - left, layout.conv.width)
                with T.serial(layout.rows) as y:
                    own = y * stride_y + a
                    source = row + own
                    wanted = own < top + layout.conv.height
                    with T.If(tirx.all(wanted, source >= 0, source < height)):
                        with T.Then():
                            if end <= first:
                                self._clear(planes, place, y, (0, layout.pitch))
                            else:
                                self._clear(planes, place, y, (0, first))
                                self._clear(planes, place, y, (end, layout.pitch))
                                at = images[0], source, b - left, channels[0]
                                self._move_row(buffers, at, (*place, y), (first, end))
                        with T.Else():
                            self._clear(planes, place, y, (0, layout.pitch))

    def clear(self, planes: tirx.Buffer, n: Expr, group: Expr | int) -> None:
        """Write what sets the channels of a group past the data's own to zero."""
        layout = self.layout
        first = group * self.channels + layout.conv.channels
        for a in range(layout.phases[0]):
            for b in range(layout.phases[1]):
                with T.serial(layout.rows) as y:
                    place = n, first, a, b
                    self._clear(planes, place, y, (0, layout.pitch), self.rest)

    @property
    def _padding(self) -> tuple[int, int, int, int]:
        return self.layout.conv.geometry.padding

    def _clear(
        self,
        planes: tirx.Buffer,
        place: tuple[Expr, ...],
        y: Expr,
        xs: tuple[int, int],
        channels: int | None = None,
    ) -> None:
        """Write zeros to a part of a row of some planes, of a run by default, in one phase."""
        n, plane, a, b = place
        lanes = xs[1] - xs[0]
        if lanes < 1:
            return
        zero = tirx.const(0, planes.dtype)
        zeros = T.broadcast(zero, lanes) if lanes > 1 else zero
        columns = T.ramp(xs[0], 1, lanes) if lanes > 1 else xs[0]
        with T.serial(self.run if channels is None else channels) as c:
            T.buffer_store(planes, zeros, [n, plane + c, a, b, y, columns])

    def _move_row(
        self,
        buffers: tuple[tirx.Buffer, tirx.Buffer, tirx.Buffer],
        source: tuple[Expr, Expr, int, Expr],
        target: tuple[Expr, ...],
        xs: tuple[int, int],
    ) -> None:
        """Move the pixels of a row, 8 at most at once, of all channels of a run."""
        data, planes, scratch = buffers
        n, row, column, channel = source
        image, plane, a, b, y = target
        stride_x = self.layout.conv.geometry.strides[1]
        count = min(SQUARE, xs[1] - xs[0])
        strips = -(-(xs[1] - xs[0]) // count)
        with T.serial(strips) as strip, T.unroll(self.run // SQUARE) as square:
            x = T.min(xs[0] + strip * count, xs[1] - count)

            def load(pixel: int, first: int, channels: int) -> Expr:
                at = (x + min(pixel, count - 1)) * stride_x + column
                return data[n, row, at, T.ramp(channel + square * SQUARE + first, 1, channels)]

            def store(first: int, pixels: Expr) -> None:
                if count < SQUARE:
                    pixels = T.Shuffle([pixels], list(range(count)))
                columns = T.ramp(x, 1, count) if count > 1 else x
                place = [image, plane + square * SQUARE + first, a, b, y, columns]
                T.buffer_store(planes, pixels, place)

            transpose_square(scratch, load, store)


def planes_of_channels_last(layout: Planes, data: te.Tensor, channels: int) -> PrimFunc:
    """Return the core that brings data (N, H, W, C) into planes, zeros around it.

    The channels of a group are a multiple of 8. `channels` a group are written; those past the
    data's own are zero.
    """
    conv, dtype, filler = layout.conv, str(data.dtype), ImagePlanes(layout, channels)
    run, runs, top = filler.run, filler.runs, conv.geometry.padding[0]
    parts = runs + (filler.rest > 0)
    jobs = conv.batch * conv.groups * parts

    @T.prim_func(s_tir=True, private=True)
    def core(
        data: T.Buffer(data.shape, dtype),
        planes: T.Buffer(layout.shape(channels), dtype),
    ):
        for job in T.parallel(jobs):
            with T.sblock("channels"):
                v = T.axis.spatial(jobs, job)
                T.reads(whole(data))
                T.writes(whole(planes))
                scratch = T.sblock_alloc_buffer(SCRATCH, dtype)
                n: T.let = v // (conv.groups * parts)
                group: T.let = v // parts % conv.groups
                first: T.let = v % parts * run
                if first < conv.channels:
                    filler.fill(
                        (data, planes, scratch),
                        (n, n),
                        (group * conv.channels + first, group * channels + first),
                        T.int32(-top),
                        conv.height,
                    )
                else:
                    filler.clear(planes, n, group)

    return core


def _inside(count: int, stride: int, first: int, size: int) -> tuple[int, int]:
    """Return the range of y < count for which 0 <= y*stride + first < size."""
    return max(0, -(first // stride)), min(count, (size - 1 - first) // stride + 1)
