"""Images cut into bands of rows: the same results, and no more work than uncut."""

import numpy as np
import pytest
from tvm import relax

from tests.schedules.kernels import Case, random_data, random_signs, run
from tvm_snn.ops import ConvGeometry
from tvm_snn.schedules.planes import Convolution, Planes, convolution
from tvm_snn.schedules.subset_gather.bands import band_of, best_band
from tvm_snn.target import parse_target

HOST, AVX2, SSE2 = "host", "llvm -mcpu=haswell", "llvm -mcpu=x86-64"


def conv_of(size: int, stride: int = 1, channels: int = 64) -> Convolution:
    geometry = ConvGeometry((stride, stride), (1, 1, 1, 1), (1, 1), 1, "NHWC")
    return convolution((1, channels, size, size), channels, (3, 3), geometry)


@pytest.mark.parametrize("size", [28, 37, 56, 112])
@pytest.mark.parametrize(("block", "step"), [(32, 16), (16, 8)])
def test_bands_compute_hardly_more_than_the_uncut_image(size: int, block: int, step: int) -> None:
    conv = conv_of(size)
    rows = best_band(conv, block, step)
    if not rows:
        return
    bands, band = -(-size // rows), Planes(band_of(conv, rows), step)
    assert bands >= 4
    assert bands * band.blocks * step <= 1.05 * Planes(conv, block).blocks * block


def test_large_images_are_cut_and_small_ones_are_not() -> None:
    assert [best_band(conv_of(size), 32, 16) for size in (56, 28, 14, 7)] == [7, 7, 0, 0]
    assert best_band(conv_of(56, stride=2), 32, 16) == 7


def test_bands_are_high_where_moving_what_two_of_them_read_costs_something() -> None:
    """A row of 56 pixels is computed whole; a band of 14 moves 16 rows in place of 42."""
    assert [best_band(conv_of(56), 16, 8, moving) for moving in (0.0, 0.05)] == [1, 14]


@pytest.mark.parametrize(
    ("size", "stride", "groups", "padding", "target", "epilogue"),
    [
        (56, 1, 1, [1, 1, 1, 1], HOST, False),
        (40, 2, 1, [1, 1, 1, 1], HOST, True),
        (37, 1, 2, [0, 2, 1, 0], HOST, True),
        (45, 3, 1, [2, 1, 0, 1], AVX2, False),
        (33, 1, 2, [1, 1, 1, 1], AVX2, True),
        (33, 1, 1, [1, 1, 1, 1], SSE2, True),
    ],
)
def test_bands_give_what_the_reference_gives(
    size: int, stride: int, groups: int, padding: list[int], target: str, epilogue: bool
) -> None:
    """Batches and groups, bands that overlap, blocks that run past the ends of rows."""
    generator = np.random.default_rng(0)
    data = random_data(generator, (2, size, size + 3, 16 * groups), "float32")
    subset = random_signs(generator, (32, 1, 3, 3))
    indices = generator.integers(0, 32, (24 * groups, 16)).astype(np.uint8)
    attrs = {
        "strides": [stride, stride],
        "padding": padding,
        "dilation": [1, 1],
        "groups": groups,
        "data_layout": "NHWC",
        "strategy": "subset_gather",
    }
    case = Case("snn.subset_conv2d", (data, subset, indices), attrs)
    geometry = ConvGeometry((stride, stride), tuple(padding), (1, 1), groups, "NHWC")
    shape = (2, 16 * groups, size, size + 3)
    lanes = {HOST: 16, AVX2: 8, SSE2: 8}[target]
    assert best_band(convolution(shape, 24 * groups, (3, 3), geometry), 2 * lanes, lanes)

    def doubled(builder: relax.BlockBuilder, result: relax.Expr) -> relax.Expr:
        return builder.emit(relax.op.multiply(result, relax.const(2.0)))

    result = run(case, parse_target(target), doubled if epilogue else None)
    np.testing.assert_allclose(result, case.expected() * (1 + epilogue), 1e-5, 1e-3)
