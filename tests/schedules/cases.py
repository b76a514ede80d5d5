"""Hypothesis strategies that draw calls of the operators: any shape, stride, padding, layout."""

import numpy as np
from hypothesis import strategies as st

from tests.schedules.kernels import Case, random_data, random_signs

DTYPES = st.sampled_from(["int8", "int8", "float32", "uint8"])
TOP_LEVELS = st.sampled_from([1, 3, 15, 100, 255])


@st.composite
def conv_cases(draw: st.DrawFn, *, subset: bool) -> Case:
    """A call of `snn.subset_conv2d` or of `snn.binary_conv2d`."""
    integer = st.integers
    kernel = draw(st.sampled_from([(3, 3), (3, 3), (1, 1), (2, 3), (5, 1)]))
    strides = draw(integer(1, 3)), draw(integer(1, 3))
    dilation = draw(integer(1, 2)), draw(integer(1, 2))
    padding = [draw(integer(0, 2)) for _ in range(4)]
    reach = [(kernel[axis] - 1) * dilation[axis] + 1 for axis in (0, 1)]
    height = draw(integer(max(1, reach[0] - padding[0] - padding[2]), 11))
    width = draw(integer(max(1, reach[1] - padding[1] - padding[3]), 19))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    unit = draw(st.sampled_from([1, 1, 2, 3, 8])) if subset else 1
    units = draw(integer(1, 17 if unit == 1 else 5))
    outputs = groups * draw(integer(1, 11))
    channels = groups * unit * units
    layout = draw(st.sampled_from(["NCHW", "NHWC"]))
    batch = draw(integer(1, 3))
    shape = (batch, channels, height, width)
    if layout == "NHWC":
        shape = (batch, height, width, channels)
    generator = np.random.default_rng(draw(integer(0, 2**32 - 1)))
    zeros = draw(st.sampled_from([0.0, 0.2, 1.0]))
    dtype, top = draw(DTYPES), draw(TOP_LEVELS)
    data = random_data(generator, shape, dtype, zeros, top)
    attrs = {
        "strides": list(strides),
        "padding": padding,
        "dilation": list(dilation),
        "groups": groups,
        "data_layout": layout,
        **({"top_level": top} if dtype == "uint8" else {}),
    }
    if not subset:
        weight = random_signs(generator, (outputs, unit * units, *kernel))
        return Case("snn.binary_conv2d", (data, weight), attrs)
    kernels = draw(st.sampled_from([1, 2, 5, 8, 16, 32, 64, 256]))
    return Case(
        "snn.subset_conv2d", _subset(generator, data, kernels, unit, outputs, units, kernel), attrs
    )


@st.composite
def dense_cases(draw: st.DrawFn, *, subset: bool) -> Case:
    """A call of `snn.subset_dense` or of `snn.binary_dense`."""
    integer = st.integers
    unit = draw(st.sampled_from([1, 3, 8]))
    units = draw(integer(1, 20))
    outputs = draw(integer(1, 40))
    leading = tuple(draw(st.lists(integer(1, 3), min_size=0, max_size=3)))
    generator = np.random.default_rng(draw(integer(0, 2**32 - 1)))
    data = random_data(generator, (*leading, unit * units), draw(DTYPES))
    if not subset:
        return Case("snn.binary_dense", (data, random_signs(generator, (outputs, unit * units))))
    kernels = draw(st.sampled_from([1, 2, 16, 256]))
    return Case("snn.subset_dense", _subset(generator, data, kernels, unit, outputs, units, (1, 1)))


def _subset(generator, data, kernels, unit, outputs, units, kernel):
    indices = generator.integers(0, kernels, (outputs, units)).astype(np.uint8)
    return data, random_signs(generator, (kernels, unit, *kernel)), indices
