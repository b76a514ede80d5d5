"""Float images, channels last, to flat planes: squares of pixels and channels are transposed."""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ..planes import Planes, whole
from .transpose import SCRATCH, SQUARE, transpose_square


def planes_of_channels_last(layout: Planes, data: te.Tensor, channels: int) -> PrimFunc:
    """Return the core that brings float32 data (N, H, W, C) into planes, zeros around it.

    The channels of a group are a multiple of 8. `channels` a group are written, a multiple of 8
    too; those past the data's own are zero.
    """
    conv, dtype = layout.conv, "float32"
    (stride_y, stride_x), (top, left, _, _) = conv.geometry.strides, conv.geometry.padding
    phases_y, phases_x = layout.phases
    rows, pitch = layout.rows, layout.pitch
    # Two squares of channels are a cache line.
    run = 2 * SQUARE if channels % (2 * SQUARE) == 0 == conv.channels % (2 * SQUARE) else SQUARE
    runs = channels // run
    jobs = conv.batch * conv.groups * runs

    def move(
        data: tirx.Buffer,
        planes: tirx.Buffer,
        scratch: tirx.Buffer,
        source: tuple[Expr, Expr, Expr, Expr],
        target: tuple[Expr, Expr, int, int, Expr, Expr],
        count: int,
    ) -> None:
        """Move `count` pixels, 8 at most, of 8 channels."""
        n, row, column, first = source
        _, plane, a, b, y, x = target

        def load(pixel: int, channel: int, channels: int) -> Expr:
            at = column + min(pixel, count - 1) * stride_x
            return data[n, row, at, T.ramp(first + channel, 1, channels)]

        def store(channel: int, pixels: Expr) -> None:
            if count < SQUARE:
                pixels = T.Shuffle([pixels], list(range(count)))
            columns = T.ramp(x, 1, count) if count > 1 else x
            T.buffer_store(planes, pixels, [n, plane + channel, a, b, y, columns])

        transpose_square(scratch, load, store)

    def clear(
        planes: tirx.Buffer, place: tuple[Expr, ...], ys: tuple[int, int], xs: tuple[int, int]
    ) -> None:
        """Write zeros to a rectangle of all planes of a run, in one phase."""
        n, plane, a, b = place
        lanes = xs[1] - xs[0]
        if lanes < 1 or ys[1] <= ys[0]:
            return
        zeros = T.broadcast(T.float32(0), lanes) if lanes > 1 else T.float32(0)
        columns = T.ramp(xs[0], 1, lanes) if lanes > 1 else xs[0]
        with T.serial(run) as c, T.serial(ys[1] - ys[0]) as y:
            T.buffer_store(planes, zeros, [n, plane + c, a, b, y + ys[0], columns])

    def write_phases(
        data: tirx.Buffer, planes: tirx.Buffer, scratch: tirx.Buffer, n: Expr, first: Expr, at: Expr
    ) -> None:
        """Move all pixels of a run of channels, from `first` on, to the planes from `at` on."""
        for a in range(phases_y):
            y_first, y_end = _inside(rows, stride_y, a - top, conv.height)
            for b in range(phases_x):
                x_first, x_end = _inside(pitch, stride_x, b - left, conv.width)
                count = min(SQUARE, x_end - x_first)
                place = n, at, a, b
                if y_first >= y_end or count < 1:
                    clear(planes, place, (0, rows), (0, pitch))
                    continue
                clear(planes, place, (0, y_first), (0, pitch))
                clear(planes, place, (y_end, rows), (0, pitch))
                clear(planes, place, (y_first, y_end), (0, x_first))
                clear(planes, place, (y_first, y_end), (x_end, pitch))
                with (
                    T.serial(y_end - y_first) as y,
                    T.serial(-(-(x_end - x_first) // count)) as strip,
                    T.unroll(run // SQUARE) as square,
                ):
                    x = T.min(x_first + strip * count, x_end - count)
                    row = (y + y_first) * stride_y + (a - top)
                    source = (n, row, x * stride_x + (b - left), first + square * SQUARE)
                    target = (n, at + square * SQUARE, a, b, y + y_first, x)
                    move(data, planes, scratch, source, target, count)

    def clear_phases(planes: tirx.Buffer, n: Expr, at: Expr) -> None:
        for a in range(phases_y):
            for b in range(phases_x):
                clear(planes, (n, at, a, b), (0, rows), (0, pitch))

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
                scratch = T.sblock_alloc_buffer(SCRATCH, dtype, scope="local")
                n: T.let = v // (conv.groups * runs)
                group: T.let = v // runs % conv.groups
                first: T.let = v % runs * run
                if first < conv.channels:
                    write_phases(
                        data,
                        planes,
                        scratch,
                        n,
                        group * conv.channels + first,
                        group * channels + first,
                    )
                else:
                    clear_phases(planes, n, group * channels + first)

    return core


def _inside(count: int, stride: int, first: int, size: int) -> tuple[int, int]:
    """Return the range of y < count for which 0 <= y*stride + first < size."""
    return max(0, -(first // stride)), min(count, (size - 1 - first) // stride + 1)
