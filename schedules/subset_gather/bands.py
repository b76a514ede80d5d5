"""Bands of an image's rows: jobs that bring their own pixels into planes, and own their results.

The planes of a large image and its results do not fit the second-level cache together; those of a
band do, and what follows the convolution is done band by band (see `emit.OWNS_RESULT`).
"""

from dataclasses import replace

from ..planes import Convolution, Planes

_FEWEST = 4
"""Bands below which an image is not cut: blocks of pixels are more, and better, jobs."""
_MOST_EXTRA = 1.05
"""Pixels that bands may compute together, for one that the uncut image computes."""


def band_of(conv: Convolution, rows: int) -> Convolution:
    """Return the convolution that gives `rows` rows of one group of one image."""
    geometry = conv.geometry
    _, left, _, right = geometry.padding
    height = (rows - 1) * geometry.strides[0] + (conv.kernel[0] - 1) * geometry.dilation[0] + 1
    inner = replace(geometry, padding=(0, left, 0, right), groups=1)
    return replace(conv, batch=1, groups=1, height=height, geometry=inner)


def best_band(conv: Convolution, block: int, step: int, moving: float = 0.0) -> int:
    """Return the rows of a band, or 0 where an image is better not cut.

    Bands overlap where they do not divide the image evenly. Uncut images are computed in blocks of
    `block` pixels, bands in blocks and a rest that is a multiple of `step` pixels. To bring a pixel
    of the data into planes takes `moving` times as long as to compute one of the result; what two
    bands read is moved by both.
    """
    height = conv.output_size[0]
    uncut = Planes(conv, block)
    best, fewest = 0, _MOST_EXTRA * uncut.blocks * block + moving * conv.height * conv.width
    for rows in range(1, height):
        inner, bands = band_of(conv, rows), -(-height // rows)
        band = Planes(inner, step)
        pixels = bands * band.blocks * step
        cost = pixels + moving * bands * inner.height * conv.width
        if bands >= _FEWEST and band.pixels >= block and cost < fewest:
            best, fewest = rows, cost
    return best
