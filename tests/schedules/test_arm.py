"""Every strategy under qemu, on 64-bit and 32-bit ARM, equals the reference."""

import shutil

import numpy as np
import pytest

from tests.schedules.kernels import Case, random_data, random_signs
from tests.tvm_snn.bench.arm.emulation import run
from tvm_snn.bench.arm.machines import MACHINES
from tvm_snn.schedules.strategy import STRATEGIES
from tvm_snn.schedules.subset_gather import strategy as gather
from tvm_snn.schedules.subset_lookup import strategy as lookup
from tvm_snn.target import features_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("qemu-aarch64-static") and shutil.which("qemu-arm-static")),
        reason="needs the package qemu-user-static",
    ),
]


def layer(
    dtype: str,
    strategy: str,
    *,
    kernels: int = 16,
    unit: int = 1,
    channels: int = 64,
    outputs: int = 64,
    size: int = 7,
    zeros: float = 0.2,
    top: int = 15,
) -> Case:
    """A 3x3 convolution with padding, channels last."""
    generator = np.random.default_rng(kernels + unit + channels + outputs)
    data = random_data(generator, (1, size, size, channels), dtype, zeros, top)
    indices = generator.integers(0, kernels, (outputs, channels // unit)).astype(np.uint8)
    subset = random_signs(generator, (kernels, unit, 3, 3))
    attrs = {
        "strides": [1, 1],
        "padding": [1, 1, 1, 1],
        "dilation": [1, 1],
        "groups": 1,
        "data_layout": "NHWC",
        "strategy": strategy,
        **({"top_level": top} if dtype == "uint8" else {}),
    }
    return Case("snn.subset_conv2d", (data, subset, indices), attrs)


@pytest.mark.parametrize("cpu", ["cortex-a72", "cortex-a9"])
@pytest.mark.parametrize(
    ("strategy", "dtype", "kernels", "unit"),
    [
        ("subset_lookup", "int8", 16, 2),
        ("subset_lookup", "int8", 32, 1),
        ("xnor_popcount", "int8", 32, 1),
        ("subset_gather", "int8", 32, 1),
        ("subset_gather", "float32", 16, 2),
        ("subset_gather", "uint8", 16, 1),
        ("decoded_dense", "float32", 32, 1),
    ],
)
def test_every_strategy_equals_the_reference(
    cpu: str, strategy: str, dtype: str, kernels: int, unit: int
) -> None:
    case, machine = layer(dtype, strategy, kernels=kernels, unit=unit), MACHINES[cpu]
    call = case.call(*case.parameters())
    assert STRATEGIES[strategy].obstacle(call, features_of(machine.target)) is None
    result = run(case, machine)
    if dtype != "float32":
        np.testing.assert_array_equal(result, case.expected())
    else:
        np.testing.assert_allclose(result, case.expected(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("strategy", ["subset_lookup", "xnor_popcount"])
def test_sums_that_do_not_fill_registers_or_bytes(strategy: str) -> None:
    """Channels, outputs and rows that no tile divides; more to sum up than bytes hold."""
    case = layer("int8", strategy, channels=131, outputs=21, size=6, zeros=0.01)
    np.testing.assert_array_equal(run(case, MACHINES["cortex-a72"]), case.expected())


@pytest.mark.parametrize("zeros", [0.0, 0.01])
@pytest.mark.parametrize(
    ("cpu", "kernels", "unit", "channels", "outputs", "size"),
    [
        pytest.param("cortex-a72", 16, 2, 64, 64, 7, id="two chunks, and pixels in vain"),
        pytest.param("cortex-a72", 16, 2, 128, 48, 4, id="more chunks"),
        pytest.param("cortex-a9", 32, 3, 9, 21, 5, id="an odd number of pieces"),
        pytest.param("cortex-a72", 8, 1, 21, 16, 3, id="units in runs"),
    ],
)
def test_lookups_of_images_without_zeros_and_with_a_few(
    cpu: str, kernels: int, unit: int, channels: int, outputs: int, size: int, zeros: float
) -> None:
    sizes = {"channels": channels, "outputs": outputs, "size": size}
    case = layer("int8", "subset_lookup", kernels=kernels, unit=unit, zeros=zeros, **sizes)
    np.testing.assert_array_equal(run(case, MACHINES[cpu]), case.expected())


def test_lookups_in_short_segments_that_overlap() -> None:
    """Rows of 27 pixels and all outputs of a job: segments of 14, the last ones a pixel back."""
    case = layer("int8", "subset_lookup", unit=2, channels=16, outputs=128, size=27, zeros=0.01)
    machine = MACHINES["cortex-a72"]
    core = lookup._core(case.call(*case.parameters()), features_of(machine.target))
    assert (core.segments.span, core.segments.across, core.segments.filled) == (14, 2, 14)
    np.testing.assert_array_equal(run(case, machine), case.expected())


def test_levels_in_chunks_that_hang_over() -> None:
    """Sums of 16 bits hold 14 units of levels of 8 bits: 40 channels are three chunks, and two."""
    case = layer("uint8", "subset_gather", channels=40, outputs=24, size=14, top=255)
    np.testing.assert_array_equal(run(case, MACHINES["cortex-a72"]), case.expected())


def test_floats_in_bands_whose_last_block_is_narrow() -> None:
    """Bands of 7 rows are six blocks of 32 pixels and a rest of 24."""
    case = layer("float32", "subset_gather", kernels=32, channels=16, outputs=24, size=28)
    machine = MACHINES["cortex-a72"]
    sizes = gather._sizes(case.call(*case.parameters()), features_of(machine.target))
    assert sizes.band > 1
    assert sizes.planes.pixels % sizes.block
    np.testing.assert_allclose(run(case, machine), case.expected(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [6, 7])
def test_floats_of_channels_that_do_not_fill_registers(channels: int) -> None:
    """Inputs of two steps are loaded together, or of one; outputs fill no vector."""
    case = layer("float32", "decoded_dense", channels=channels, outputs=21, size=6)
    found = run(case, MACHINES["cortex-a72"])
    np.testing.assert_allclose(found, case.expected(), rtol=1e-4, atol=1e-4)
